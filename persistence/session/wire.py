"""How a session's state is written in Redis: as a hash's fields, and as the message that subscribers get."""

import json
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from uuid import UUID

from persistence.session.order import Version
from persistence.session.port import SessionState

KEPT_IN = "redis"
BEYOND = 10**15  # no version; a version is milliseconds since 1970
# What refers to itself is found by the depth that it has.
ENCODER = json.JSONEncoder(check_circular=False, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# What json and the constructors raise for nonsense; RecursionError is for what is nested without end.
NONSENSE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    OSError,
    RecursionError,
)


def state_of(domain: str, fields: list[Any]) -> SessionState | None:
    """Return the state in a hash's fields; None where there is none, it was cleared, or it is nonsense."""
    try:
        version, _, state, confidence, turn_id, redaction_version, at, data, cleared = fields
        if cleared != b"0" or not state:
            return None
        number = float(confidence) if confidence else None
        found = json.loads(data.decode())
        known = int(version)
        if type(found) is not dict or (number is not None and not isfinite(number)) or not 0 < known < BEYOND:
            return None
        return SessionState(
            state=state.decode(),
            domain=domain,
            confidence=number,
            turn_id=UUID(turn_id.decode()) if turn_id else None,
            version=known,
            redaction_version=int(redaction_version),
            updated_at=moment_of(at),
            data=found,
            kept_in=KEPT_IN,
        )
    except NONSENSE:
        return None


def version_of(domain: str, fields: list[Any]) -> Version | None:
    """Return what a subscriber may be told of a hash's fields, clearings too; None when that is nothing."""
    try:
        number, previous = int(fields[0]), int(fields[1])
        cleared = fields[-1] == b"1" and 0 < number < BEYOND
    except NONSENSE:
        return None
    state = state_of(domain, fields)
    return Version(number, previous, state) if state or cleared else None


def json_text(value: dict[str, Any] | str) -> bytes:
    """Return it as it is kept. Raises ValueError or TypeError for what is no JSON, unpaired surrogates included."""
    return ENCODER.encode(value).encode()


def moment_of(milliseconds: bytes | int) -> datetime:
    """Return the moment."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def milliseconds(moment: datetime) -> int:
    """Return it as milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def message_of(domain: str, message: bytes) -> Version | None:
    """Return the version that a message tells; None when it is nonsense."""
    try:
        told = json.loads(message.decode())
        number, previous = told["version"], told["previous"]
        if type(number) is not int or type(previous) is not int or not 0 < number < BEYOND:
            return None
        if told["kind"] == "cleared":
            return Version(number, previous, None)
        confidence, turn_id, data = told["confidence"], told["turn_id"], told["data"]
        if type(data) is not dict or not isinstance(told["state"], str):
            return None
        state = SessionState(
            state=told["state"],
            domain=domain,
            confidence=None if confidence is None else float(confidence),
            turn_id=None if turn_id is None else UUID(turn_id),
            version=number,
            redaction_version=int(told["redaction_version"]),
            updated_at=moment_of(told["updated_at"]),
            data=data,
            kept_in=KEPT_IN,
        )
        return Version(number, previous, state)
    except NONSENSE:
        return None
