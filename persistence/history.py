"""``history``: a conversation's turns, page by page, in the order said; through the cache where it is on."""

import json
from time import perf_counter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from persistence.errors import FieldError, InvalidTurn
from persistence.recent.metrics import read_from_postgres
from persistence.recent.through import through_cache
from persistence.transcript import FoundConversation as FoundConversation
from persistence.transcript import HistoryTurn as HistoryTurn

MAX_LIMIT = 200
# Who speaks, by the role of a message, in the words of people who read transcripts.
SPEAKERS = {
    "user": "Customer",
    "assistant": "Assistant",
    "agent": "Human agent",
    "system": "System",
    "tool": "Tool",
}
COLUMNS = """
    turn_id, seq, request_id, created_at, customer_ref, confidence, escalated, error_code, model, latency_ms,
    tokens_in, tokens_out, redaction_version, control, control_epoch, prev_digest, digest, messages, reason_codes,
    "references", metadata
"""
# Read through persistence_turn_seq_once in both directions: a page costs the same at turn 10 and at turn 100,000.
FORWARD = f"""
SELECT {COLUMNS} FROM persistence_turn
WHERE conversation_id = %(conversation)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s
"""
BACKWARD = f"""
SELECT {COLUMNS} FROM persistence_turn
WHERE conversation_id = %(conversation)s AND seq < %(before)s ORDER BY seq DESC LIMIT %(limit)s
"""
CONVERSATION = """
SELECT id, public_id, domain, channel, customer_ref, control, control_epoch, last_seq, archived_through_seq,
       session_hash, chain_head, created_at, last_turn_at
FROM persistence_conversation WHERE public_id = %(id)s AND domain = %(domain)s
"""


def find_conversation(domain: str, conversation_id: UUID) -> FoundConversation | None:
    """Return a domain's conversation, or None. Another domain's conversation is None too."""
    with connection.cursor() as cursor:
        cursor.execute(CONVERSATION, {"id": str(conversation_id), "domain": domain})
        row = cursor.fetchone()
    if row is None:
        return None
    *plain, session_hash, chain_head, created_at, last_turn_at = row
    return FoundConversation(  # type: ignore[call-arg]
        *plain, bytes(session_hash), bytes(chain_head), created_at, last_turn_at
    )


def history(
    conversation: FoundConversation,
    *,
    after_seq: int | None = None,
    before_seq: int | None = None,
    limit: int = 50,
) -> list[HistoryTurn]:
    """Return up to ``limit`` (1 to 200) turns, ascending by seq.

    With ``after_seq``, those that follow it; with ``before_seq``, the last ones before it; with neither, the first
    ones. Raises InvalidTurn when both are given or the limit is out of bounds.
    """
    if after_seq is not None and before_seq is not None:
        raise InvalidTurn([FieldError("before_seq", "cannot be combined with after_seq")])
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidTurn([FieldError("limit", f"must lie between 1 and {MAX_LIMIT}")])

    def load() -> list[HistoryTurn]:
        return from_postgres(conversation, after_seq, before_seq, limit)

    if settings.HISTORY_CACHE == "off":
        return load()
    return through_cache(conversation, seqs_of(conversation, after_seq, before_seq, limit), load)


def seqs_of(
    conversation: FoundConversation, after_seq: int | None, before_seq: int | None, limit: int
) -> range:
    """Return the seqs of the turns that are asked for, of those that the conversation had when it was found."""
    if before_seq is None:
        first = max(after_seq or 0, 0) + 1
        return range(first, min(first + limit, conversation.last_seq + 1))
    end = min(before_seq, conversation.last_seq + 1)
    return range(max(end - limit, 1), end)


def from_postgres(
    conversation: FoundConversation, after_seq: int | None, before_seq: int | None, limit: int
) -> list[HistoryTurn]:
    """Read a page from the table."""
    place = {"conversation": conversation.pk, "after": after_seq or 0, "before": before_seq, "limit": limit}
    began = perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(FORWARD if before_seq is None else BACKWARD, place)
        rows = cursor.fetchall()
    turns = [_turn(row) for row in (rows if before_seq is None else reversed(rows))]
    read_from_postgres(perf_counter() - began)
    return turns


def _turn(row: tuple[Any, ...]) -> HistoryTurn:
    *plain, prev_digest, digest, messages, reason_codes, references, metadata = row
    digests = (bytes(prev_digest), bytes(digest))
    return HistoryTurn._make(
        (*plain, *digests, *map(json.loads, (messages, reason_codes, references, metadata)))
    )
