"""What a caller may send with a wish for a human: one schema for Python callers and for the HTTP API."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from persistence.errors import FieldError, InvalidTurn
from persistence.jsontext import refuse, storable_text
from persistence.privacy.redaction import redact_text

ReasonCode = Literal[
    "user_request",
    "repeated_failure",
    "low_confidence",
    "negative_sentiment",
    "policy_required",
    "tool_error",
    "out_of_scope",
    "vulnerable_customer",
    "vip",
    "unclassified",
]
Priority = Literal["low", "normal", "high", "urgent"]
MAX_REASON = 4_000  # characters
MAX_TEXT = 16_000  # characters of a reply or a note
QUEUE_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
DEFAULT_QUEUE = "general"


class Customer(BaseModel):
    """What the caller knows about the customer, handed on to whoever helps."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    locale: str | None = Field(None, max_length=35, examples=["pt-PT"])
    verified: bool = False


class HandoffRequest(BaseModel):
    """The wish for a human."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    reason_code: ReasonCode = "unclassified"
    reason: str = Field("", max_length=MAX_REASON, description="Why, in words. Redacted before it is stored.")
    priority: Priority = "normal"
    queue: str = Field(DEFAULT_QUEUE, pattern=QUEUE_NAME, description="Opened with defaults where it is new.")
    consent_required: bool = Field(False, description="Tell the team only once the customer has agreed.")
    customer: Customer = Customer(locale=None)

    @model_validator(mode="after")
    def _can_be_stored(self) -> "HandoffRequest":
        storable_text(self.reason, "handoff.reason")
        if self.customer.locale is not None:
            storable_text(self.customer.locale, "handoff.customer.locale")
        return self


def handoff_request(data: Any) -> HandoffRequest:
    """Check what a Python caller sent. Raises InvalidTurn that names every wrong field as ``handoff.…``."""
    if isinstance(data, HandoffRequest):
        return data
    try:
        return HandoffRequest.model_validate(data)
    except ValidationError as error:
        raise InvalidTurn(
            [
                FieldError(".".join(["handoff", *(str(part) for part in found["loc"])])[:200], found["msg"])
                for found in error.errors(include_url=False, include_input=False)
            ]
        ) from None


def clean_text(text: str, field: str, *, at_most: int = MAX_TEXT, may_be_empty: bool = False) -> str:
    """Return what a person wrote, trimmed and redacted. Raises InvalidTurn that names the field."""
    text = storable_text(text, field).strip()
    if not text and not may_be_empty:
        raise refuse(field, "is empty; write something")
    if len(text) > at_most:
        raise refuse(field, f"is longer than {at_most:,} characters")
    return redact_text(text)


Action = Literal[
    "claim",
    "assign",
    "release",
    "reply",
    "note",
    "wait",
    "return_to_bot",
    "close",
    "user_ended",
    "cancel",
    "reopen",
    "give_consent",
    "set_priority",
    "transfer",
    "merge",
]


class Transition(BaseModel):
    """One step of a case. Which of the further fields is needed depends on the action."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    action: Action
    version: int | None = Field(None, ge=1, description="Refused where the case is at another version.")
    agent: str | None = Field(None, min_length=1, max_length=150, description="Who acts; by default the key.")
    text: str | None = Field(None, description="Of a reply or a note.")
    note: str | None = Field(None, description="What colleagues and the assistant should know.")
    request_id: str | None = Field(
        None, min_length=1, max_length=180, description="Makes a reply repeatable."
    )
    wait: bool = Field(False, description="After a reply: wait for the customer.")
    end_conversation: bool = Field(False, description="On closing: the conversation ends too.")
    assignee: str | None = Field(None, min_length=1, max_length=150)
    priority: Priority | None = None
    queue: str | None = Field(None, pattern=QUEUE_NAME)
    into: str | None = Field(None, description="The case to merge into.")
