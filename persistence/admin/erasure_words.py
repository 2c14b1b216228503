"""What the pages say about an erasure. Pure: no markup, no database."""

from dataclasses import dataclass
from typing import Any

from persistence.models import ErasureRecord

FIRST = ("conversations", "turns", "cases")  # what a list has room for
# Kinds that are not named here come last.
ORDER = (
    *("conversations", "turns", "cases", "case events", "handoffs", "tickets", "search entries", "readings"),
    *("events", "deliveries", "delivery attempts", "claims"),
)
LABELS = {
    "readings": "Records of who read it",
    "events": "Events in the outbox",
    "deliveries": "Deliveries in the outbox",
    "delivery attempts": "Attempts to deliver",
    "claims": "Large payloads kept aside",
    "session_states": "Session states",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How an erasure stands: a word for a list, its colour, and what it means."""

    word: str
    colour: str
    means: str


def standing(record: ErasureRecord) -> Standing:
    """Return how the erasure stands."""
    if record.finished_at is not None:
        return Standing("erased", "good", "Everything that Holdfast can reach is gone, its copies included.")
    if record.last_error:
        return Standing(
            "copies remain",
            "bad",
            "The database holds nothing of it any more. Copies in the archive could not all be deleted; "
            "this is tried again by itself.",
        )
    return Standing(
        "deleting copies",
        "busy",
        "The database holds nothing of it any more. Copies in the archive are being deleted; they are looked for once "
        "more when nobody can still be writing one.",
    )


def amounts(reached: Any) -> str:
    """Return the main figures as a line: "2 conversations, 41 turns, 1 case"; a dash where there is none."""
    counts = reached if isinstance(reached, dict) else {}
    return ", ".join(counted(counts[kind], kind) for kind in FIRST if counts.get(kind)) or "–"


def figures(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return (label, number) for what there is, people's things first; conversations and turns also where there is
    none. JSON in Postgres keeps no order of keys.
    """
    shown = [kind for kind in counts if counts[kind] or kind in FIRST[:2]]
    order = sorted(shown, key=lambda kind: (ORDER.index(kind) if kind in ORDER else len(ORDER), kind))
    return [(LABELS.get(kind) or kind[:1].upper() + kind[1:], counts[kind]) for kind in order]


def counted(number: int, kind: str) -> str:
    """Return "1 turn", "2 turns"."""
    return f"{number:,} {kind[:-1] if number == 1 else kind}"


def copies(elsewhere: Any) -> str:
    """Return how many copies are in other hands, and whether all of them have been asked for."""
    found = elsewhere if isinstance(elsewhere, list) else []
    if not found:
        return "–"
    asked = all(copy.get("asked") for copy in found)
    return f"{len(found):,}, {'asked to delete' if asked else 'not all asked'}"
