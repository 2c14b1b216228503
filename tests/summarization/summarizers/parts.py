"""Parts to be summarised, in few words."""

import time
from typing import Any

from summarization.draft import Draft, Role, Said, SourceTurn
from summarization.summarizers.port import Part

INVOICE = (
    ("user", "My invoice 4711 is too high, it says 80.00 EUR."),
    ("assistant", "I am sorry. I will pass that on to accounting."),
)


def turn(seq: int, *said: tuple[Role, str]) -> SourceTurn:
    """Return one turn."""
    return SourceTurn(seq, tuple(Said(role, text) for role, text in said))


def part(*turns: SourceTurn, **changes: Any) -> Part:
    """Return a part of these turns, or of one about an invoice, wanted within a minute."""
    given: dict[str, Any] = {
        "turns": turns or (turn(1, *INVOICE),),
        "previous": None,
        "most_words": 60,
        "deadline": time.monotonic() + 60,
    }
    return Part(**given | changes)


def exchange(seq: int, asked: str, answered: str) -> SourceTurn:
    """Return a turn in which the user says something and the assistant answers."""
    return turn(seq, ("user", asked), ("assistant", answered))


def texts(draft: Draft) -> list[str]:
    """Return what a draft says."""
    return [statement.text for statement in draft.statements()]
