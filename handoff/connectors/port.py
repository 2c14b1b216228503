"""What Holdfast asks of a help desk, and what it hears from one. Every adapter is one file beside this one.

An adapter translates and sends; it writes nothing down. What it answers is a value that the outbox settles by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol
from uuid import UUID

from outbox.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Desk:
    """One configured endpoint, as its adapter needs it. Secrets are in clear here, and nowhere else."""

    slug: str
    domain: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)  # by name, newest first

    def secret(self, name: str) -> str:
        """Return the newest secret of that name, "" where there is none."""
        return self.secrets.get(name, ("",))[0]


@dataclass(frozen=True, slots=True)
class Message:
    """One event on its way to a desk.

    ``tries`` counts the sends of this event that were started before: above 0, the desk may have it already.
    ``external_id`` is the desk's own id of the case, "" until it is known.
    """

    event_id: UUID
    event_type: str
    schema_version: int
    created_at: datetime
    case_id: UUID | None
    payload: Mapping[str, Any]
    tries: int = 0
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one call. ``excerpt`` is the beginning of what the desk said, for people."""

    outcome: Outcome
    external_id: str = ""
    external_url: str = ""
    status_code: int | None = None
    excerpt: str = ""


class DeskTrouble(Exception):
    """A call to the desk did not succeed; ``answer`` says how, and what to do about it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.outcome))
        self.answer = answer


Kind = Literal["reply", "note", "status", "assigned", "ignored"]
DeskStatus = Literal["open", "in_progress", "waiting_customer", "closed"]


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that a desk told us. ``delivery_id`` is the desk's own id of the telling: a second one changes nothing.

    ``at`` is the desk's time of it, by which late news is told from fresh. Echoes of what we sent are ``ignored``.
    """

    delivery_id: str
    kind: Kind
    external_id: str = ""
    case_id: UUID | None = None
    text: str = ""
    author: str = ""
    status: DeskStatus | None = None
    at: datetime | None = None


class NotAuthentic(Exception):
    """The signature is missing, wrong, or older than five minutes. ``code`` says which."""

    def __init__(self, code: Literal["signature_missing", "signature_wrong", "signature_expired"]) -> None:
        super().__init__(code)
        self.code = code


class Unreadable(Exception):
    """The sender proved who it is, but what it sent is not what its documentation says. Names the field."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(f"{field_name}: {message}")
        self.field, self.message = field_name, message


class Connector(Protocol):
    """One kind of help desk. Methods may be called from many threads at once, and keep nothing between calls."""

    correlates: ClassVar[bool]  # the desk has no idempotency key of its own: look up before creating again
    options: ClassVar[frozenset[str]]  # the names that Desk.options may have
    secrets: ClassVar[frozenset[str]]  # the names that Desk.secrets must have

    def find(self, desk: Desk, case_id: UUID) -> Answer | None:
        """Return the ticket that an earlier, unanswered create left behind, or None. Raises DeskTrouble."""

    def create(self, desk: Desk, message: Message) -> Answer:
        """Open a ticket for ``handoff.requested``; the answer carries the desk's id of it. Raises DeskTrouble."""

    def update(self, desk: Desk, message: Message) -> Answer:
        """Carry a later event of the case to the ticket ``message.external_id``. Raises DeskTrouble."""

    def probe(self, desk: Desk) -> Answer:
        """Try address and credentials without leaving a trace, for the admin's test button. Raises DeskTrouble."""

    def receive(self, desk: Desk, headers: Mapping[str, str], body: bytes, now: datetime) -> list[Heard]:
        """Verify and read what the desk posted; header names are lower-case. Raises NotAuthentic, Unreadable."""
