"""The layer that completes ``handoff.requested``: the stored event says how far the transcript goes, not what it says.

Turns never change, so the same event becomes the same bytes on every try. ``transcript`` is then

    through_seq, count   the last turn that is in it, and how many turns there are
    inline               the last messages, at most twelve turns: {seq, role, text, created_at}, texts cut at 1,000
    complete             whether ``inline`` is everything, uncut
    sha256               of the whole transcript as canonical JSON, the list that ``turns`` is
    turns                the whole transcript, only where ``inline`` is not; a claim check takes its place if it is long
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from outbox.destinations import Destination, Handler, MaySend
from outbox.outcomes import ClaimedDelivery, Outcome
from persistence.jsontext import dumps
from persistence.models import Turn

REQUESTED = "handoff.requested"
INLINE_TURNS = 12
LONGEST = 1_000  # characters of one message
# Tried in this order where even the last turn does not fit: fifty messages of a thousand signs are 200 KB.
CUTS = (LONGEST, 200, 40)
BODY_BYTES = (
    48 * 1024
)  # what the whole may have without ``turns``, so that it stays under 64 KiB in its envelope
CLAIM_CHECK_BYTES = 2048  # kept free for the claim check, whose signed address may be long

Entry = dict[str, Any]


class WithTranscript:
    """Wraps the handler of a help desk; other events pass as they are."""

    def __init__(self, inner: Handler, destination: Destination) -> None:
        self._inner = inner
        over = destination.options.get("claim_check", {}).get("over", BODY_BYTES)
        self._room = min(over, BODY_BYTES) - CLAIM_CHECK_BYTES

    def deliver(self, lanes: Sequence[Sequence[ClaimedDelivery]], may_send: MaySend) -> dict[int, Outcome]:
        """Complete what asks for a human, then hand everything on."""
        completed = [[self._completed(delivery) for delivery in lane] for lane in lanes]
        return self._inner.deliver(completed, may_send)

    def _completed(self, delivery: ClaimedDelivery) -> ClaimedDelivery:
        if delivery.event_type != REQUESTED:
            return delivery
        through = delivery.payload["transcript"]["through_seq"]
        entries = transcript(delivery.payload["conversation_id"], through)
        return replace(delivery, payload=with_transcript(delivery.payload, entries, self._room))


def transcript(conversation_id: str, through_seq: int) -> list[Entry]:
    """Return everything that was said up to that turn, in order, one entry for each message."""
    turns = (
        Turn.objects.filter(conversation__public_id=conversation_id, seq__lte=through_seq)
        .order_by("seq")
        .values_list("seq", "created_at", "messages")
    )
    return [
        {
            "seq": seq,
            "role": message["role"],
            "text": message["content"],
            "created_at": created_at.isoformat(),
        }
        for seq, created_at, messages in turns
        for message in messages
    ]


def with_transcript(payload: dict[str, Any], entries: list[Entry], room: int) -> dict[str, Any]:
    """Return the payload with its transcript; without ``turns`` it has at most ``room`` bytes where that can be."""
    whole = dumps(entries)
    told = payload["transcript"] | {
        "count": len({entry["seq"] for entry in entries}),
        "sha256": hashlib.sha256(whole.encode()).hexdigest(),
        "complete": False,
        "inline": [],
    }
    told["inline"] = last_messages(entries, room - size(payload | {"transcript": told}))
    told["complete"] = told["inline"] == entries
    if not told["complete"]:
        told["turns"] = entries
    return payload | {"transcript": told}


def last_messages(entries: list[Entry], room: int) -> list[Entry]:
    """Return the newest turns that fit into ``room`` bytes, at most twelve, in the order said, texts cut."""
    recent = sorted({entry["seq"] for entry in entries})[-INLINE_TURNS:]
    tail = [entry for entry in entries if entry["seq"] in recent]
    for longest in CUTS:
        kept: list[Entry] = []
        left = room
        for seq in reversed(recent):
            turn = [cut(entry, longest) for entry in tail if entry["seq"] == seq]
            left -= sum(size(entry) + 1 for entry in turn)
            if left < 0:
                break
            kept = turn + kept
        if kept:
            return kept
    return []


def cut(entry: Entry, longest: int) -> Entry:
    """Return the entry with its text shortened to ``longest`` characters, the ellipsis among them."""
    text = entry["text"]
    return entry if len(text) <= longest else entry | {"text": text[: longest - 1] + "…"}


def size(value: Any) -> int:
    """Return how many bytes a value has on its way."""
    return len(dumps(value).encode())
