"""How the admin finds things by exactly what a person has in hand, through indexes only."""

from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.urls import reverse

from outbox.adminkit.links import Place, add_event_link, payload_of
from outbox.models import Delivery, OutboxEvent
from persistence.models import Conversation, Turn
from persistence.prepare import EVENT_TYPE

# Skip scans: one look into the index per domain, however many rows there are.
DOMAINS = """
WITH RECURSIVE found (domain) AS (
    (SELECT domain FROM {table} {where} ORDER BY domain LIMIT 1)
    UNION ALL
    SELECT (SELECT t.domain FROM {table} AS t WHERE t.domain > found.domain {more} ORDER BY t.domain LIMIT 1)
    FROM found WHERE found.domain IS NOT NULL
)
SELECT domain FROM found WHERE domain IS NOT NULL
"""
WITH_TURNS = DOMAINS.format(table="persistence_turn", where="", more="")
WITH_CUSTOMERS = DOMAINS.format(
    table="persistence_conversation",
    where="WHERE customer_ref IS NOT NULL",
    more="AND t.customer_ref IS NOT NULL",
)
WITH_ERASURES = DOMAINS.format(table="persistence_erasure_record", where="", more="")
# A turn's id and its event's id are UUIDs of version 7, drawn one after the other by one process.
EVENT_WITHIN = timedelta(seconds=10)


def uuid_or_none(text: str) -> UUID | None:
    """Return the text as a UUID, or None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def domains_with_turns() -> list[str]:
    """Return every domain that has turns."""
    return _first_column(WITH_TURNS)


def domains_with_customers() -> list[str]:
    """Return every domain that has conversations of a named customer."""
    return _first_column(WITH_CUSTOMERS)


def domains_known() -> list[str]:
    """Return every domain in which there is something, or was before it was erased; sorted."""
    every = (WITH_TURNS, WITH_CUSTOMERS, WITH_ERASURES)
    return sorted({domain for sql in every for domain in _first_column(sql)})


def turns_called(term: str) -> Q:
    """Return the condition for turns with this turn id or request id."""
    by_request = Q(domain__in=domains_with_turns(), request_id=term)
    turn_id = uuid_or_none(term)
    return by_request | Q(turn_id=turn_id) if turn_id else by_request


def event_of(conversation: Conversation, turn: Turn) -> OutboxEvent | None:
    """Return the event that told about this turn, or None when it was pruned after its delivery.

    The outbox keeps no index by turn. The event's id was drawn within moments of the turn's, and both begin
    with the time: the few events of those moments are read through the primary key.
    """
    first = (turn.turn_id.int >> 80) << 80
    last = first + (int(EVENT_WITHIN.total_seconds() * 1000) << 80)
    near = OutboxEvent.objects.filter(event_id__gte=UUID(int=first), event_id__lt=UUID(int=last))
    found = near.filter(ordering_key=str(conversation.public_id), ordering_seq=turn.seq)
    return found.filter(event_type=EVENT_TYPE).order_by("event_id").first()


def deliveries_of(event: OutboxEvent | None) -> list[Delivery]:
    """Return the deliveries of an event, oldest first."""
    if event is None:
        return []
    return list(Delivery.objects.filter(event_id=event.event_id).select_related("lane").order_by("id")[:100])


def turn_address(turn_id: object) -> str:
    """Return the address of a turn's page."""
    return reverse("admin:persistence_turn_change", args=(turn_id,))


def _turn_of(event: OutboxEvent) -> Place | None:
    turn_id = uuid_or_none(str(payload_of(event).get("turn_id", "")))
    return (f"turn {event.ordering_seq} of its conversation", turn_address(turn_id)) if turn_id else None


def _first_column(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [domain for (domain,) in cursor.fetchall()]


add_event_link(EVENT_TYPE, _turn_of)
