"""What was claimed, and what can become of it. Outcomes are values; only ``settle`` writes them down."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One delivery in hand, with the event that it carries."""

    id: int
    lane_id: int
    seq: int
    attempts: int
    event_id: UUID
    event_type: str
    schema_version: int
    ordering_key: str
    created_at: datetime
    age: float  # seconds between the event and the claim, both by the database's clock
    payload: dict[str, Any]
    headers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClaimedLane:
    """A leased lane; ``token`` is what proves, at the end, that the lease is still held."""

    id: int
    token: int
    ordering_key: str
    deliveries: tuple[ClaimedDelivery, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The far end has it, durably."""


@dataclass(frozen=True, slots=True)
class Failed:
    """This attempt failed and counts. ``after`` (seconds) lengthens the wait that the schedule asks for."""

    code: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The whole destination is out: nothing is said about this event, no attempt is spent, the breaker opens.

    With ``breaker=False`` it is not the destination that is out, but something of ours that this event needs: others
    go on, and this one waits ``after`` seconds.
    """

    code: str
    after: float | None = None
    breaker: bool = True


@dataclass(frozen=True, slots=True)
class Dead:
    """Trying again cannot help. What happens to the lane is the destination's rule."""

    code: str


@dataclass(frozen=True, slots=True)
class Parked:
    """A person has to look: the delivery and its lane wait for an operator."""

    code: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The destination says that it exists no more: all of it is parked until an operator releases it."""

    code: str


Outcome = Delivered | Failed | Unavailable | Dead | Parked | Gone


def word(outcome: Outcome) -> str:
    """Return the outcome as one word, for a log: delivered, failed, unavailable, dead, parked or gone."""
    return type(outcome).__name__.lower()


def code_of(outcome: Outcome) -> str:
    """Return why it was not delivered, or "" when it was."""
    return "" if isinstance(outcome, Delivered) else outcome.code
