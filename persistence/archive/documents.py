"""Documents about a conversation: what an event carries whole, archived beside the turns and in their order.

Another storey enqueues such an event and decides what is in it; here it is kept as it came. Documents stand outside the
hash chain and are derived from turns: ``archive verify`` looks at each by itself, ``archive restore`` leaves them.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

from outbox.outcomes import ClaimedDelivery
from persistence.archive.objects import AlteredObject
from persistence.jsontext import dumps

SCHEMA = "holdfast.document/1"
# Where the documents of an event type lie. A type that is not named here is not archived.
PREFIXES = {"conversation.summarized": "summaries/v1/"}


def prefixes_of(conversation_id: UUID) -> list[str]:
    """Return what the keys of all documents of a conversation, and of no other, begin with."""
    return [_prefix(prefix, str(conversation_id)) for prefix in PREFIXES.values()]


def key_of(event_type: str, conversation_id: str, seq: int, event_id: UUID) -> str:
    """Return where an event's document lies: by conversation, then by the turn it follows, then by event.

    The event's id is what keeps it apart for good: counters begin anew in a database that was restored.
    """
    return f"{_prefix(PREFIXES[event_type], conversation_id)}{seq:010d}.{event_id}.json"


def conversation_of(key: str) -> UUID | None:
    """Return whose document lies under this key, or None for a key that is not one of ours."""
    try:
        conversation_id, seq, event_id, _ = key.rpartition("/")[2].split(".")
        found = UUID(conversation_id)
        ours = {key_of(kind, str(found), int(seq), UUID(event_id)) for kind in PREFIXES}
    except ValueError:
        return None
    return found if key in ours else None


def document_of(delivery: ClaimedDelivery) -> tuple[str, bytes] | None:
    """Return key and bytes of a delivery's document, or None when its type has no place in the archive.

    Both follow from the event alone, which never changes, so a retried put compares equal.
    """
    if delivery.event_type not in PREFIXES:
        return None
    key = key_of(delivery.event_type, delivery.ordering_key, delivery.seq, delivery.event_id)
    document = {
        "schema": SCHEMA,
        "event_type": delivery.event_type,
        "event_id": str(delivery.event_id),
        "event_schema": delivery.schema_version,
        "conversation_id": delivery.ordering_key,
        "seq": delivery.seq,
        "created_at": delivery.created_at.isoformat(timespec="microseconds"),
        "content": delivery.payload,
    }
    return key, dumps(document | {"digest": _digest(document)}).encode("utf-8")


def check(key: str, body: bytes) -> None:
    """Raise AlteredObject when a document is not what was written under this key; no database is needed."""
    try:
        document = json.loads(body)
        claimed = document.pop("digest")
        place = key_of(
            document["event_type"],
            document["conversation_id"],
            document["seq"],
            UUID(document["event_id"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AlteredObject(f"it cannot be read as a document: {type(error).__name__}") from error
    if document.get("schema") != SCHEMA:
        raise AlteredObject(f"its schema is not {SCHEMA!r}")
    if claimed != _digest(document):
        raise AlteredObject("it does not have the digest that it carries")
    if place != key:
        raise AlteredObject(f"it belongs under {place!r}")


def _prefix(prefix: str, conversation_id: str) -> str:
    return f"{prefix}{conversation_id[:8]}/{conversation_id}."


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(dumps(document).encode("utf-8")).hexdigest()
