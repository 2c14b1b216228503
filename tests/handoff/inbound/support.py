"""A case that a scripted desk has a ticket for, and what the desk then says."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.test import Client

from handoff.connectors.port import Heard
from handoff.gate import GatedTurn
from handoff.inbound.apply import Applied, hear
from handoff.models import Endpoint, ExternalLink, SupportCase
from handoff.secrets import seal
from outbox.models import Delivery
from tests.fakes.desk.webhook import SECRET, standard_headers
from tests.handoff.support import ask, case_of

_numbers = itertools.count(1)


def desk_endpoint(slug: str = "hook", **changes: Any) -> Endpoint:
    given = {"domain": "demo", "connector": "webhook", "url": "https://desk.example/events"}
    given |= {"sealed_secrets": seal({"signing": (SECRET,)})}
    return Endpoint.objects.create(slug=slug, **given | changes)


def ticket(endpoint: Endpoint, **wish: Any) -> tuple[GatedTurn, ExternalLink]:
    """Open a case that the desk has a ticket for."""
    found = ask(**wish)
    case = case_of(found)
    return found, ExternalLink.objects.create(endpoint=endpoint, case=case, external_id=f"T-{case.pk}")


def heard(kind: str, case_id: UUID | None, **facts: Any) -> Heard:
    """Return something that the desk tells, under an id of its own."""
    given = {"delivery_id": f"d-{next(_numbers)}", "author": "Ana"} | facts
    return Heard(kind=kind, case_id=case_id, **given)  # type: ignore[arg-type]


def says(endpoint: Endpoint, kind: str, found: GatedTurn, **facts: Any) -> Applied:
    """Let the desk tell something about a case."""
    return hear(endpoint, heard(kind, found.case_id, **facts))


def in_a(seconds: float) -> datetime:
    """Return a moment after everything that has happened in the test so far."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def fresh(found: GatedTurn) -> SupportCase:
    return case_of(found)


def receivers_of(event_type: str) -> list[str]:
    """Return which destinations the newest event of that type goes to."""
    deliveries = Delivery.objects.filter(event__event_type=event_type).order_by("-event__event_id")
    newest = deliveries.values_list("event_id", flat=True).first()
    found = Delivery.objects.filter(event_id=newest).values_list("lane__destination", flat=True)
    return sorted(found)


def post(
    name: str,
    data: dict[str, Any] | bytes,
    *,
    kind: str = "case.reply",
    delivery_id: str = "",
    at: datetime | None = None,
    secret: str = SECRET,
    headers: dict[str, str] | None = None,
) -> Any:
    """Post to ``/inbound/{name}`` as a receiver of webhooks does."""
    now = at or datetime.now(UTC)
    body = data
    if isinstance(data, dict):
        posted = {"type": kind, "timestamp": datetime.now(UTC).isoformat(), "data": data}
        body = json.dumps(posted).encode()
    assert isinstance(body, bytes)
    signed = standard_headers(body, delivery_id or f"p-{next(_numbers)}", now, secret)
    return Client(raise_request_exception=False).post(
        f"/api/v1/inbound/{name}",
        data=body,
        content_type="application/json",
        headers=signed if headers is None else headers,
    )
