"""A summary in the words of the pages that show it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from summarization.models import ConversationSummary

STATUSES = {"resolved": "good", "open": "busy", "escalated": "warn"}  # and their colours


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a summary says. ``label`` is "" for a further statement of the kind before."""

    label: str
    text: str
    seqs: tuple[int, ...]  # the turns that say so


def statements(summary: ConversationSummary) -> list[Statement]:
    """Return what the summary says, each statement with its turns."""
    support = summary.support if isinstance(summary.support, dict) else {}
    said = [
        Statement("Problem", summary.problem, numbers(support.get("problem"))),
        Statement("Solution", summary.solution, numbers(support.get("solution"))),
    ]
    found = [one for one in said if one.text]
    found += several("Topics", summary.topics, support.get("topics"))
    return found + several("Open questions", summary.open_questions, support.get("open_questions"))


def several(label: str, texts: Any, support: Any) -> list[Statement]:
    """Return the statements of a list; the first one bears the label."""
    every = [str(text) for text in texts] if isinstance(texts, list) else []
    turns = support if isinstance(support, list) else []
    return [
        Statement("" if n else label, text, numbers(turns[n]) if n < len(turns) else ())
        for n, text in enumerate(every)
    ]


def numbers(value: Any) -> tuple[int, ...]:
    """Return the turn numbers in a JSON value; whatever else it holds is left out."""
    every: Iterable[Any] = value if isinstance(value, list) else ()
    return tuple(one for one in every if isinstance(one, int) and not isinstance(one, bool) and one > 0)


def made_by(summary: ConversationSummary) -> str:
    """Return what made it: the backend and the model, once where one names the other."""
    if summary.backend in summary.model:
        return summary.model
    return f"{summary.backend} {summary.model}".strip()
