"""What each storey answers when a customer asks what is kept about them, or asks that it be erased.

``SUBJECT_PARTS`` in the settings names the parts, the highest storey first: what points to other rows goes before them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Subject:
    """A customer of one domain and their conversations, oldest first.

    ``customer_ref`` is None for somebody whom only a conversation names.
    """

    domain: str
    customer_ref: str | None
    conversations: tuple[tuple[int, UUID], ...]  # (primary key, public id)

    @property
    def pks(self) -> list[int]:
        """Return the conversations' primary keys."""
        return [pk for pk, _ in self.conversations]

    @property
    def public_ids(self) -> list[UUID]:
        """Return the conversations' public ids."""
        return [public_id for _, public_id in self.conversations]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A copy in somebody else's hands, which Holdfast can only ask to have deleted. ``asked``: it has been asked."""

    where: str  # the destination, such as "helpdesk:zendesk"
    what: str  # what it is called there, such as a ticket's number
    url: str = ""
    asked: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept in the record of an erasure."""
        return {"where": self.where, "what": self.what, "url": self.url, "asked": self.asked}


@dataclass(frozen=True, slots=True)
class Erased:
    """What one part took out of the database, by kind, and what of it is in other hands."""

    rows: dict[str, int]
    elsewhere: list[Elsewhere] = field(default_factory=list)


class Part(Protocol):
    """One storey's share. Every method but ``erase`` only reads; ``hindrances`` may lock what it looks at."""

    def ordering_keys(self, subject: Subject) -> list[str]:
        """Return the outbox' ordering keys of what is kept here. What the outbox holds under them is forgotten."""

    def count(self, subject: Subject) -> dict[str, int]:
        """Return how many rows there are, by kind, in the words of the people who read it."""

    def elsewhere(self, subject: Subject) -> list[Elsewhere]:
        """Return the copies in other hands."""

    def hindrances(self, subject: Subject) -> list[str]:
        """Return why nothing can be erased now, as sentences that say what to do first; [] when there is no reason."""

    def files(self, subject: Subject) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
        """Yield the files of an export: a name ending in ``.jsonl``, and its rows as JSON values, read while they are
        consumed. Nothing in them is secret: no digests, salts or hashes.
        """

    def erase(self, subject: Subject) -> Erased:
        """Delete this storey's rows inside the caller's transaction, which holds the conversations' locks.

        The outbox has forgotten the part's ``ordering_keys`` by then, so what is enqueued here is all that remains.
        """
