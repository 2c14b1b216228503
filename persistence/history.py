"""``history``: a conversation's turns, page by page, in the order said."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from persistence.errors import FieldError, InvalidTurn

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
SELECT id, public_id, domain, channel, customer_ref, control, control_epoch, last_seq, archived_through_seq, chain_head,
       created_at, last_turn_at
FROM persistence_conversation WHERE public_id = %(id)s AND domain = %(domain)s
"""


@dataclass(frozen=True, slots=True)
class FoundConversation:
    """A conversation as the API shows it; ``pk`` is for the next look-up only."""

    pk: int
    conversation_id: UUID
    domain: str
    channel: str
    customer_ref: str | None
    control: str
    control_epoch: int
    last_seq: int
    archived_through_seq: int
    chain_head: bytes
    created_at: datetime
    last_turn_at: datetime


@dataclass(frozen=True, slots=True)
class HistoryTurn:
    """One turn as it was stored. Digests are bytes; free-form parts are JSON values."""

    turn_id: UUID
    seq: int
    request_id: str
    created_at: datetime
    customer_ref: str | None
    confidence: float | None
    escalated: bool
    error_code: str | None
    model: str | None
    latency_ms: int | None
    tokens_in: int | None
    tokens_out: int | None
    redaction_version: int
    control: str
    control_epoch: int
    prev_digest: bytes
    digest: bytes
    messages: list[dict[str, Any]]
    reason_codes: list[str]
    references: list[Any]
    metadata: dict[str, Any]


def find_conversation(domain: str, conversation_id: UUID) -> FoundConversation | None:
    """Return a domain's conversation, or None. Another domain's conversation is None too."""
    with connection.cursor() as cursor:
        cursor.execute(CONVERSATION, {"id": str(conversation_id), "domain": domain})
        row = cursor.fetchone()
    if row is None:
        return None
    *plain, chain_head, created_at, last_turn_at = row
    return FoundConversation(*plain, bytes(chain_head), created_at, last_turn_at)  # type: ignore[call-arg]


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
    place = {"conversation": conversation.pk, "after": after_seq or 0, "before": before_seq, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(FORWARD if before_seq is None else BACKWARD, place)
        rows = cursor.fetchall()
    return [_turn(row) for row in (rows if before_seq is None else reversed(rows))]


def _turn(row: tuple[Any, ...]) -> HistoryTurn:
    *plain, prev_digest, digest, messages, reason_codes, references, metadata = row
    return HistoryTurn(  # type: ignore[call-arg]
        *plain,
        bytes(prev_digest),
        bytes(digest),
        json.loads(messages),
        json.loads(reason_codes),
        json.loads(references),
        json.loads(metadata),
    )
