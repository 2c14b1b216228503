"""What there is of a customer, before anything is done with it."""

from dataclasses import dataclass
from typing import Any

from persistence.subject.find import parts
from persistence.subject.port import Elsewhere, Subject


@dataclass(frozen=True, slots=True)
class Preview:
    """How many rows of each kind, what is in other hands, and why nothing could be erased now ([]: nothing is in the
    way).
    """

    subject: Subject
    counts: dict[str, int]
    elsewhere: list[Elsewhere]
    hindrances: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "domain": self.subject.domain,
            "customer_ref": self.subject.customer_ref,
            "conversations": [str(public_id) for public_id in self.subject.public_ids],
            "counts": self.counts,
            "elsewhere": [copy.as_json() for copy in self.elsewhere],
            "hindrances": self.hindrances,
        }


def preview(subject: Subject) -> Preview:
    """Ask every part. Nothing is locked or changed; what the outbox holds is not counted, for it comes and goes."""
    found = parts()
    return Preview(
        subject,
        counts_of(subject),
        [copy for part in found for copy in part.elsewhere(subject)],
        [reason for part in found for reason in part.hindrances(subject)],
    )


def counts_of(subject: Subject) -> dict[str, int]:
    """Return how many rows there are, by kind, the conversations first."""
    counts: dict[str, int] = {}
    for part in reversed(parts()):
        counts |= part.count(subject)
    return counts
