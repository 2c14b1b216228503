"""What a caller may send as session state: one schema for Python callers and for the HTTP API."""

import re
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

from persistence.apikeys import DOMAIN
from persistence.errors import FieldError, InvalidTurn
from persistence.jsontext import dumps, refuse, storable, storable_text
from persistence.requests import SLUG

MAX_NAME = 64  # characters of a channel, and of a state
MAX_SESSION_ID = 512
MAX_DATA_BYTES = 16 * 1024
MAX_DATA_DEPTH = 8  # objects and lists inside one another, ``data`` itself among them
MAX_VERSION = 2**62
MAX_TTL_SECONDS = 604_800
_NAME = re.compile(SLUG.rstrip("$"))


class StateRequest(BaseModel):
    """A state to keep. None for ``confidence`` or ``turn_id`` keeps what the session's last turn left."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    state: str = Field(min_length=1, max_length=MAX_NAME, pattern=SLUG, examples=["running"])
    data: dict[str, Any] = Field(
        default_factory=dict, description="Your own, at most 16 KiB as JSON and 8 levels deep. Redacted."
    )
    confidence: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    turn_id: Annotated[UUID, Strict(False)] | None = Field(
        None, description="The turn that this state follows."
    )

    @model_validator(mode="after")
    def _data_can_be_kept(self) -> "StateRequest":
        data = storable(self.data, "data")
        if deeper_than(data, MAX_DATA_DEPTH):
            raise refuse("data", f"is nested deeper than {MAX_DATA_DEPTH} levels")
        if len(dumps(data).encode()) > MAX_DATA_BYTES:
            raise refuse(
                "data", f"is larger than {MAX_DATA_BYTES // 1024} KiB as JSON; keep large parts elsewhere"
            )
        self.data.update(data)  # the same keys, with the values that survive storage
        return self


def state_request(data: Any) -> StateRequest:
    """Check what a caller sent. Raises InvalidTurn that names every wrong field."""
    if isinstance(data, StateRequest):
        return data
    if not isinstance(data, dict):
        raise refuse("body", "is not a JSON object")
    try:
        return StateRequest.model_validate(data)
    except ValidationError as error:
        raise InvalidTurn(
            [_named(found) for found in error.errors(include_url=False, include_input=False)]
        ) from None


def check_session(domain: str, channel: str, session_id: str) -> None:
    """Refuse what cannot name a session. Raises InvalidTurn that names every wrong part."""
    errors = []
    if not (isinstance(domain, str) and DOMAIN.fullmatch(domain)):
        errors.append(FieldError("domain", "must be 1 to 63 lower-case letters, digits, - or _"))
    if not (isinstance(channel, str) and len(channel) <= MAX_NAME and _NAME.fullmatch(channel)):
        errors.append(
            FieldError(
                "channel", f"must be 1 to {MAX_NAME} letters, digits, _, ., : or -, a letter or digit first"
            )
        )
    if not (isinstance(session_id, str) and 1 <= len(session_id) <= MAX_SESSION_ID):
        errors.append(FieldError("session_id", f"must be a text of 1 to {MAX_SESSION_ID} characters"))
    if errors:
        raise InvalidTurn(errors)
    storable_text(session_id, "session_id")


def check_bounds(*, expected_version: int | None, ttl: int | None) -> None:
    """Refuse a version that no state can have, or a time to live that nothing is kept for. Raises InvalidTurn."""
    if expected_version is not None and not _whole(expected_version, 0, MAX_VERSION):
        raise refuse("expected_version", "is not a version; send the one that you read, or 0 for none")
    if ttl is not None and not _whole(ttl, 1, MAX_TTL_SECONDS):
        raise refuse("ttl", f"must be whole seconds from 1 to {MAX_TTL_SECONDS}")


def deeper_than(value: Any, levels: int) -> bool:
    """Say whether objects and lists lie inside one another more than so many levels deep."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(deeper_than(item, levels - 1) for item in value)


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _named(found: Any) -> FieldError:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"]).lstrip(".")
    return FieldError(path[:200] or "body", found["msg"])
