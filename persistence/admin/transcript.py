"""A conversation's turns as a person reads them: pages by seq, messages told apart by who spoke."""

import json
import re
from dataclasses import dataclass
from typing import Any

from persistence.history import SPEAKERS
from persistence.models import Conversation, Turn
from persistence.privacy.detectors import DETECTORS

PAGE = 50  # turns
REDACTED = re.compile(r"(\[(?:" + "|".join(label for label, _ in DETECTORS) + r")\])")


@dataclass(frozen=True, slots=True)
class Said:
    """One message: ``parts`` are (text, was redacted), ``more`` is the JSON of what else came along."""

    role: str
    speaker: str
    parts: list[tuple[str, bool]]
    more: str


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """One turn with its messages, and its facts as (label, value) pairs."""

    turn: Turn
    said: list[Said]
    facts: list[tuple[str, str]]
    keys: list[tuple[str, str]]
    digests: list[tuple[str, str]]
    references: str
    metadata: str


@dataclass(frozen=True, slots=True)
class TranscriptPage:
    """Turns ``first`` to ``last``; the neighbouring pages by the seq they begin with, or None."""

    turns: list[ShownTurn]
    first: int
    last: int
    previous: int | None
    next: int | None
    final: int


def transcript_page(conversation: Conversation, seq: int) -> TranscriptPage:
    """Return the page that holds turn ``seq``, or the nearest one, read through (conversation, seq).

    The numbers have no gaps, so pages need no count: page two begins with turn 51.
    """
    newest = max(conversation.last_seq, 1)
    first = (min(max(seq, 1), newest) - 1) // PAGE * PAGE + 1
    last = min(first + PAGE - 1, newest)
    turns = Turn.objects.filter(conversation=conversation, seq__gte=first, seq__lte=last).order_by("seq")
    return TranscriptPage(
        turns=[shown(turn) for turn in turns],
        first=first,
        last=last,
        previous=first - PAGE if first > 1 else None,
        next=first + PAGE if last < newest else None,
        final=(newest - 1) // PAGE * PAGE + 1,
    )


def shown(turn: Turn) -> ShownTurn:
    """Return the turn as the templates show it."""
    facts = [
        ("model", turn.model),
        ("took", None if turn.latency_ms is None else f"{turn.latency_ms:,} ms"),
        ("tokens in", None if turn.tokens_in is None else f"{turn.tokens_in:,}"),
        ("tokens out", None if turn.tokens_out is None else f"{turn.tokens_out:,}"),
        ("confidence", None if turn.confidence is None else f"{turn.confidence:.2f}"),
    ]
    keys = [
        ("turn id", str(turn.turn_id)),
        ("request id", turn.request_id),
        ("customer", turn.customer_ref),
        ("control", f"{turn.control}, epoch {turn.control_epoch}"),
        ("redaction version", str(turn.redaction_version)),
    ]
    names = ("digest", "prev_digest", "content_digest", "salt", "fingerprint")
    return ShownTurn(
        turn=turn,
        said=[said(message) for message in turn.messages],
        facts=[(label, value) for label, value in facts if value],
        keys=[(label, value) for label, value in keys if value],
        digests=[(name.replace("_", " "), bytes(getattr(turn, name)).hex()) for name in names],
        references=pretty(turn.references),
        metadata=pretty(turn.metadata),
    )


def said(message: dict[str, Any]) -> Said:
    """Return one message; what was redacted is marked: those are not the customer's words."""
    role = str(message.get("role", ""))
    pieces = REDACTED.split(str(message.get("content", "")))
    parts = [(piece, REDACTED.fullmatch(piece) is not None) for piece in pieces if piece]
    more = {key: value for key, value in message.items() if key not in ("role", "content")}
    return Said(role if role in SPEAKERS else "system", SPEAKERS.get(role, role), parts, pretty(more))


def pretty(value: Any) -> str:
    """Return a JSON value with every character as it is stored; "" for an empty one."""
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
