"""Endpoints that point to a scripted desk, a real relay for them, and time that passes on command."""

from typing import Any

from django.db import connection

from handoff.models import Endpoint, ExternalLink
from handoff.secrets import seal
from outbox.destinations import destination, load_handler
from outbox.models import Delivery, DeliveryAttempt
from outbox.relay import Relayed, relay
from outbox.upkeep import rescue
from tests.fakes.desk.base import FakeDesk
from tests.fakes.desk.smtp import FakeMailbox


def endpoint_for(
    fake: FakeDesk | FakeMailbox, *, slug: str = "hook", connector: str = "webhook", **changes: Any
) -> Endpoint:
    """Configure the scripted desk as an operator would."""
    desk = fake.desk(slug=slug)
    given = {
        "domain": "demo",
        "connector": connector,
        "url": desk.url,
        "options": dict(desk.options),
        "sealed_secrets": seal(desk.secrets),
    }
    return Endpoint.objects.create(slug=slug, **given | changes)


def carry(endpoint: Endpoint) -> Relayed:
    """Relay what is due for an endpoint, until nothing is."""
    return relay(destination(endpoint.destination), budget=60, poll=0, until_empty=True)


def pass_time() -> None:
    """Let every wait be over: retries, the breaker's rest, and the leases of workers that died."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_delivery SET next_at = now() - interval '1 s' WHERE status = 'pending'")
        cursor.execute("UPDATE outbox_lane SET due_at = now() - interval '1 s' WHERE due_at < 'infinity'")
        cursor.execute("UPDATE outbox_destination_state SET open_until = now() - interval '1 s'")
        cursor.execute(
            "UPDATE outbox_lane SET leased_until = now() - interval '1 s' WHERE leased_until IS NOT NULL"
        )


def another_worker(endpoint: Endpoint) -> Relayed:
    """Let time pass, free what a dead worker held, and carry on with nothing kept in memory."""
    pass_time()
    load_handler.cache_clear()
    rescue(destination(endpoint.destination))
    return carry(endpoint)


def states(endpoint: Endpoint) -> list[tuple[str, str, str]]:
    """Return (event type, status, last error) of every delivery, in order."""
    found = Delivery.objects.filter(lane__destination=endpoint.destination).order_by("lane_id", "seq", "id")
    return list(found.values_list("event__event_type", "status", "last_error_code"))


def outcomes(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Return (outcome, code) of every attempt, in order."""
    found = DeliveryAttempt.objects.filter(destination=endpoint.destination).order_by("id")
    return list(found.values_list("outcome", "error_code"))


def links(endpoint: Endpoint) -> list[str]:
    return list(
        ExternalLink.objects.filter(endpoint=endpoint).order_by("id").values_list("external_id", flat=True)
    )
