"""What the clients of an experiment did and were told: the first of the checker's records."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["ok", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and its end.

    ``ok``: acknowledged, so the three ids are there. ``fail``: refused for good, so it may be nowhere.
    ``unknown``: no answer, or one that says "ask again"; it may or may not have been stored.
    """

    request_id: str
    session_id: str
    content_hash: str
    outcome: Outcome
    status: int = 0
    conversation_id: str = ""
    turn_id: str = ""
    seq: int = 0
    seconds: float = 0.0


@dataclass
class History:
    """Every attempt in the order in which it ended. Threads may add at once."""

    attempts: list[Attempt] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, attempt: Attempt) -> None:
        with self._lock:
            self.attempts.append(attempt)

    @property
    def acknowledged(self) -> list[Attempt]:
        """The attempts that were answered with a turn, in the order of the answers."""
        return [attempt for attempt in self.attempts if attempt.outcome == "ok"]

    @property
    def requests(self) -> set[str]:
        return {attempt.request_id for attempt in self.attempts}


def content_hash(messages: list[dict[str, Any]]) -> str:
    """Return what stands for the messages in all three records."""
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()
