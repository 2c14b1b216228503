"""What a caller may send as a turn: one schema for Python callers and for the HTTP API."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from persistence.errors import FieldError, InvalidTurn
from persistence.jsontext import refuse, storable, storable_text

MAX_MESSAGES = 50
MAX_CONTENT_BYTES = 64 * 1024
MAX_BODY_BYTES = 256 * 1024
SLUG = r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$"
MAX_INT = 2**31 - 1

Role = Literal["user", "assistant", "agent", "system", "tool"]


class Message(BaseModel):
    """One thing said. Further keys (``name``, ``tool_calls``, …) are kept as they are."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    role: Role
    content: str = Field(description="The text, at most 64 KiB of UTF-8. May be empty.")


class TurnRequest(BaseModel):
    """One exchange: what the user said and what was answered, in the order said."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    channel: str = Field(min_length=1, max_length=64, pattern=SLUG, examples=["web"])
    session_id: str = Field(
        min_length=1, max_length=512, description="Your session's id. Only its HMAC is stored."
    )
    request_id: str = Field(
        min_length=1, max_length=200, description="Your id for this request; retry with the same."
    )
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    expected_seq: int | None = Field(None, ge=0, le=2**62, description="The last seq that you have seen.")
    control_epoch: int | None = Field(None, ge=0, le=MAX_INT)
    customer_ref: str | None = Field(None, min_length=1, max_length=200)
    confidence: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    escalated: bool = False
    reason_codes: list[str] = Field(default_factory=list, max_length=50)
    references: list[Any] = Field(default_factory=list, max_length=200)
    error_code: str | None = Field(None, max_length=100)
    model: str | None = Field(None, max_length=200)
    latency_ms: int | None = Field(None, ge=0, le=MAX_INT)
    tokens_in: int | None = Field(None, ge=0, le=MAX_INT)
    tokens_out: int | None = Field(None, ge=0, le=MAX_INT)
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _every_part_can_be_stored(self) -> "TurnRequest":
        for index, message in enumerate(self.messages):
            _check_content(message, f"messages[{index}]")
        for name in ("session_id", "request_id", "customer_ref", "error_code", "model"):
            if (value := getattr(self, name)) is not None:
                storable_text(value, name)
        for index, code in enumerate(self.reason_codes):
            storable_text(code, f"reason_codes[{index}]")
        return self


def turn_request(data: Any) -> TurnRequest:
    """Check what a caller sent. Raises InvalidTurn that names every wrong field."""
    if not isinstance(data, dict):
        raise refuse("body", "is not a JSON object")
    try:
        return TurnRequest.model_validate(data)
    except ValidationError as error:
        raise InvalidTurn(
            [_named(found) for found in error.errors(include_url=False, include_input=False)]
        ) from None


def message_values(message: Message, field: str) -> dict[str, Any]:
    """Return the message as JSON values that survive storage; raise InvalidTurn where an extra key cannot."""
    values: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.model_extra:
        values |= storable(message.model_extra, field)
    return values


def _check_content(message: Message, field: str) -> None:
    content = storable_text(message.content, f"{field}.content")
    if len(content) * 4 > MAX_CONTENT_BYTES and len(content.encode()) > MAX_CONTENT_BYTES:
        raise refuse(
            f"{field}.content", f"is larger than {MAX_CONTENT_BYTES // 1024} KiB; send a reference instead"
        )


def _named(found: Any) -> FieldError:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"]).lstrip(".")
    return FieldError(path[:200] or "body", found["msg"])
