"""Where an event leads to, for packages above that know what it tells about."""

from collections.abc import Callable, Mapping
from typing import Any

from outbox.models import OutboxEvent

Place = tuple[str, str]  # a label and an address inside the admin
FindPlace = Callable[[OutboxEvent], Place | None]

_places: dict[str, FindPlace] = {}


def add_event_link(event_type: str, find: FindPlace) -> None:
    """Say where events of this type lead to; called once per type, when an admin module loads."""
    _places[event_type] = find


def event_link(event: OutboxEvent) -> Place | None:
    """Return where this event leads to, or None."""
    find = _places.get(event.event_type)
    return find(event) if find else None


def payload_of(event: OutboxEvent) -> Mapping[str, Any]:
    """Return the payload where it is an object, and an empty one where it is not."""
    return event.payload if isinstance(event.payload, dict) else {}
