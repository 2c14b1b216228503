"""Reading what a desk posted, the same way for every desk. What cannot be read is refused by the name of its field."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from handoff.connectors.port import Unreadable
from persistence import jsontext
from persistence.errors import InvalidTurn

LONGEST_AUTHOR = 200
LONGEST_ID = 200

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``: UTF-8, no duplicate keys, bounded depth. Raises Unreadable."""
    try:
        found = jsontext.parse(body)
    except InvalidTurn as error:
        first = error.errors[0]
        raise Unreadable(first.field, first.message) from error
    if not isinstance(found, dict):
        raise Unreadable("body", "must be a JSON object")
    return found


def part(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object under ``name``. Raises Unreadable."""
    found = data.get(name)
    if not isinstance(found, dict):
        raise Unreadable(name, "must be an object")
    return found


def text(data: Mapping[str, Any], name: str, *, required: bool = False, path: str = "") -> str:
    """Return the text under ``name``, "" where there is none. Raises Unreadable for another type, or for nothing.

    What Postgres cannot keep (NUL, halves of surrogate pairs) becomes U+FFFD: an agent's answer is not refused
    for a character that nobody can see.
    """
    found = data.get(name)
    if found is not None and not isinstance(found, str):
        raise Unreadable(path + name, "must be a text")
    kept = storable(found or "")
    if required and not kept.strip():
        raise Unreadable(path + name, "must not be empty")
    return kept


def storable(value: str) -> str:
    """Return ``value`` with U+FFFD in place of what Postgres cannot keep."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)


def name_of(value: str) -> str:
    """Return a person's name fit for one line: printable, spaces made single, at most 200 characters."""
    shown = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(shown.split())[:LONGEST_AUTHOR]


def identifier(value: Any) -> str:
    """Return a desk's id as text, "" unless it is a whole number or a short printable text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**30 else ""
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST_ID:
        return ""
    return value.strip()


def case_id(value: Any, path: str) -> UUID:
    """Return the id of a case. Raises Unreadable."""
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise Unreadable(path, "must be the id of a case, a UUID") from None


def moment(value: Any, path: str) -> datetime:
    """Return an ISO 8601 time in UTC; one without a zone is taken for UTC. Raises Unreadable."""
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(path, "must be an ISO 8601 time such as 2026-11-21T10:00:00Z") from None
