"""What can become of an exchange that was sent: values, from which the runner decides what follows."""

from dataclasses import dataclass
from typing import Protocol

from persistence.replay.dialogues import Exchange


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """It is stored; ``replayed`` when it was before."""

    replayed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never be stored as it is. ``final`` also ends its conversation: what follows would not fit."""

    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody took it now. Sending it again is safe; ``retry_after`` is the server's wish in seconds."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """Nothing can be sent this way at all: a wrong key, or no Holdfast at this address."""

    reason: str


Answer = Acknowledged | Refused | Unavailable | Denied


class Sender(Protocol):
    """One way in for turns. Each worker thread has its own."""

    def send(self, exchange: Exchange) -> Answer:
        """Send it once and say what became of it. Never raises for what the far end does."""

    def close(self) -> None:
        """Let go of connections."""
