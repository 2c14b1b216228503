"""What the API answers, as schemas for its documentation and as bytes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Schema
from pydantic import Field

from persistence.jsontext import dumps
from persistence.session.answers import SessionStateAnswer


class TurnAnswer(Schema):
    """The turn is committed."""

    turn_id: UUID
    conversation_id: UUID
    seq: int = Field(description="1, 2, 3, … without a gap within the conversation.")
    replayed: bool = Field(description="True when an earlier request with this request_id stored the turn.")
    persistence_status: str = Field(examples=["persisted"])
    handoff_status: str = Field(examples=["handoff_not_required"])
    case_id: UUID | None
    control: str = Field(description="Who may speak: bot, queued, human or closed.")
    control_epoch: int
    session_state: SessionStateAnswer | None = Field(
        description="The session's hot state with this turn in it; null when it cannot be known now."
    )


class ConversationAnswer(Schema):
    conversation_id: UUID
    domain: str
    channel: str
    customer_ref: str | None
    control: str
    control_epoch: int
    last_seq: int
    archived_through_seq: int = Field(description="Every turn up to this one has its copy off-box.")
    chain_head: str = Field(description="The digest of the last turn, hexadecimal.")
    created_at: datetime
    last_turn_at: datetime


class StoredTurn(Schema):
    """One turn as it was stored: redacted, with its place in the hash chain."""

    turn_id: UUID
    seq: int
    request_id: str
    messages: list[dict[str, Any]]
    created_at: datetime
    digest: str
    prev_digest: str
    customer_ref: str | None
    confidence: float | None
    escalated: bool
    reason_codes: list[str]
    references: list[Any]
    error_code: str | None
    model: str | None
    latency_ms: int | None
    tokens_in: int | None
    tokens_out: int | None
    metadata: dict[str, Any]
    redaction_version: int
    control: str
    control_epoch: int


class TurnsAnswer(Schema):
    turns: list[StoredTurn] = Field(description="Ascending by seq.")
    next_after_seq: int | None = Field(description="Ask for after_seq=this to read on; null at the end.")
    previous_before_seq: int | None = Field(
        description="Ask for before_seq=this to read back; null at the beginning."
    )


class FieldProblem(Schema):
    field: str
    message: str


class Problem(Schema):
    """RFC 9457. Conflicts also carry the values that hold now (last_seq, or control and control_epoch)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = None


def answer(status: int, document: dict[str, Any]) -> HttpResponse:
    """Return a JSON response; UUIDs as text, times in ISO 8601, digests as hexadecimal text."""
    plain = {name: as_json(value) for name, value in document.items()}
    return HttpResponse(dumps(plain), status=status, content_type="application/json")


def as_json(value: Any) -> Any:
    """Return one value of a row as a JSON value."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return value
