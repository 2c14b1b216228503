"""One acknowledged write as it lies on a domain's stream. What cannot be read is refused here, in words."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

SESSION_HEX = 64


class UnreadableEntry(ValueError):
    """What lies on the stream is no write of session state. The message names the field and never shows its value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One write. Times are milliseconds since 1970; ``session`` is hexadecimal; ``data`` is JSON text, unread."""

    channel: str
    session: str
    state: str
    confidence: float | None
    turn_id: str | None
    version: int
    previous: int
    redaction_version: int
    data: str
    cleared: bool
    updated_at: int
    expires_at: int


def read_entry(fields: Mapping[str, str]) -> Entry:
    """Return the write. Raises UnreadableEntry, which names the field."""
    cleared = _one_of(fields, "kind", ("state", "cleared")) == "cleared"
    return Entry(
        channel=_text(fields, "channel"),
        session=_session(fields),
        # A cleared session keeps nothing but its version.
        state="" if cleared else _text(fields, "state"),
        confidence=None if cleared else _confidence(fields),
        turn_id=None if cleared else _turn_id(fields),
        version=_whole(fields, "version"),
        previous=_whole(fields, "previous"),
        redaction_version=0 if cleared else _whole(fields, "redaction_version"),
        data="{}" if cleared else _object(fields),
        cleared=cleared,
        updated_at=_whole(fields, "updated_at"),
        expires_at=_whole(fields, "expires_at"),
    )


def newest(entries: Iterable[Entry]) -> list[Entry]:
    """Return the last version of each session, in an order that is the same for everybody.

    Two workers that lock the same rows in the same order wait for each other; in different orders, for ever.
    """
    last: dict[str, Entry] = {}
    for entry in entries:
        known = last.get(entry.session)
        if known is None or entry.version > known.version:
            last[entry.session] = entry
    return [last[session] for session in sorted(last)]


def _text(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value or "\x00" in value:
        raise UnreadableEntry(f"its {name} is missing or cannot be stored")
    return value


def _one_of(fields: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = fields.get(name, "")
    if value not in choices:
        raise UnreadableEntry(f"its {name} is none of {', '.join(choices)}")
    return value


def _session(fields: Mapping[str, str]) -> str:
    value = fields.get("session", "")
    try:
        whole = len(bytes.fromhex(value)) * 2 == len(value) == SESSION_HEX
    except ValueError:
        whole = False
    if not whole:
        raise UnreadableEntry("its session is no hash")
    return value.lower()


def _whole(fields: Mapping[str, str], name: str) -> int:
    value = fields.get(name, "")
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise UnreadableEntry(f"its {name} is no whole number")
    return int(value)


def _confidence(fields: Mapping[str, str]) -> float | None:
    value = fields.get("confidence", "")
    if not value:
        return None
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise UnreadableEntry("its confidence is no number")
    return found


def _turn_id(fields: Mapping[str, str]) -> str | None:
    value = fields.get("turn_id", "")
    if not value:
        return None
    try:
        return str(UUID(value))
    except ValueError as error:
        raise UnreadableEntry("its turn_id is no UUID") from error


def _object(fields: Mapping[str, str]) -> str:
    # Postgres is the judge of the JSON in it; parsing it here as well would cost more than all the rest.
    value = fields.get("data", "")
    if not value.startswith("{") or "\x00" in value:
        raise UnreadableEntry("its data is no JSON object")
    return value
