"""A conversation and its turns, as they are read; ``history`` reads them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FoundConversation:
    """A conversation as the API shows it; ``pk`` and ``session_hash`` are for the next look-up only."""

    pk: int
    conversation_id: UUID
    domain: str
    channel: str
    customer_ref: str | None
    control: str
    control_epoch: int
    last_seq: int
    archived_through_seq: int
    session_hash: bytes
    chain_head: bytes
    created_at: datetime
    last_turn_at: datetime


class HistoryTurn(NamedTuple):
    """One turn as it was stored. Digests are bytes; free-form parts are JSON values, not to be changed in place.

    A tuple, because pages of them are made: a frozen dataclass takes seven times as long to make.
    """

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
