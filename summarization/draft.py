"""What goes into a summary and what comes out: a conversation's text by turn numbers, and a draft that cites them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

Role = Literal["user", "assistant", "agent"]
Status = Literal["resolved", "open", "escalated"]
STATUSES: tuple[Status, ...] = ("resolved", "open", "escalated")


class Said(NamedTuple):
    """One message as it was said, redacted."""

    role: Role
    text: str


class SourceTurn(NamedTuple):
    """One turn's messages, in the order said. What the app said to itself (system, tool) is not among them."""

    seq: int
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A conversation as it is summarised: every turn from the first to ``to_seq``.

    ``redaction_version`` is the one that all of its text has been through.
    """

    conversation_pk: int
    conversation_id: UUID
    domain: str
    channel: str
    customer_ref: str | None
    control: str
    last_turn_at: datetime
    to_seq: int
    redaction_version: int
    turns: tuple[SourceTurn, ...]


class Statement(NamedTuple):
    """Something that a summary says, and the numbers of the turns that say so, ascending."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a summariser made of a conversation. ``status`` is its reading of the words; None where they do not tell.

    ``language`` is an ISO 639-1 code, or ``und`` where it cannot be told.
    """

    problem: Statement | None
    solution: Statement | None
    status: Status | None = None
    topics: tuple[Statement, ...] = ()
    open_questions: tuple[Statement, ...] = ()
    language: str = "und"

    def statements(self) -> list[Statement]:
        """Return everything that it says, in the order in which it is read."""
        return [said for said in (self.problem, self.solution) if said] + [*self.topics, *self.open_questions]
