"""What the outbox's admin pages look up beside their own rows."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from outbox.destinations import destinations
from outbox.models import Delivery, Lane
from outbox.selectors import IN_USE

STUCK = (Delivery.Status.DEAD, Delivery.Status.PARKED)


def destination_names() -> list[str]:
    """Return the destinations that are configured and those that still have lanes, sorted."""
    with connection.cursor() as cursor:
        cursor.execute(IN_USE)
        return sorted({name for (name,) in cursor.fetchall()} | destinations().keys())


def uuid_or_none(text: str) -> UUID | None:
    """Return the text as a UUID, or None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def lanes_of(ordering_key: str) -> QuerySet[Lane]:
    """Return the lanes of one ordering key, one per destination, through the unique index."""
    return Lane.objects.filter(destination__in=destination_names(), ordering_key=ordering_key)


def by_destination(lanes: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """Group (destination, id) pairs: the functions of ``outbox.operate`` take one destination at a time."""
    groups: dict[str, list[int]] = {}
    for destination, found in lanes:
        groups.setdefault(destination, []).append(found)
    return groups


def many(count: int, one: str, more: str) -> str:
    """Return the count with its noun."""
    return f"{count:,} {one if count == 1 else more}"
