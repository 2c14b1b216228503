"""Endpoints as destinations of the outbox: ``<purpose>:<slug>``, such as ``helpdesk:zendesk``, one per row."""

from typing import Any

from django.conf import settings
from django.db.models import Q

from handoff.connectors.port import Desk
from handoff.models import Endpoint
from handoff.secrets import unseal

HANDLER = "handoff.delivery.handler.DeskHandler"
LAYERS = ("handoff.delivery.transcript.WithTranscript", "persistence.claim_check.layer.ClaimCheck")

# Should a payload be too large even without its transcript, this stays in it: who and what it is about, and every
# text that a desk puts into its ticket.
KEPT = (
    *("case_id", "conversation_id", "domain", "channel", "created_at", "seq"),
    *(
        "handoff_id",
        "reason_code",
        "reason_text",
        "trigger",
        "priority",
        "queue",
        "sla",
        "customer",
        "summary",
        "links",
    ),
    *("from", "author", "text", "turn_seq", "status", "previous", "assignee", "reason", "actor", "note"),
)


class Endpoints:
    """The source that ``OUTBOX_DESTINATION_SOURCES`` names. Switched off ones are in it: what they get is kept."""

    def all(self) -> dict[str, dict[str, Any]]:
        """Return every endpoint's registry entry by its destination's name."""
        return {endpoint.destination: entry(endpoint) for endpoint in Endpoint.objects.order_by("slug")}

    def one(self, name: str) -> dict[str, Any] | None:
        """Return the registry entry of one destination, or None where no endpoint has that name."""
        found = endpoint_of(name)
        return None if found is None else entry(found)


def endpoint_of(destination: str) -> Endpoint | None:
    """Return the endpoint behind a destination's name, or None."""
    purpose, _, slug = destination.partition(":")
    return Endpoint.objects.filter(slug=slug, purpose=purpose).first()


def as_desk(endpoint: Endpoint) -> Desk:
    """Return the endpoint as its adapter needs it, secrets in clear. Raises SecretsUnreadable."""
    return Desk(
        slug=endpoint.slug,
        domain=endpoint.domain,
        url=endpoint.url,
        options=endpoint.options,
        secrets=unseal(bytes(endpoint.sealed_secrets)),
    )


def receivers(domain: str, purpose: str, queue_pk: int | None) -> list[str]:
    """Return the destinations that hear of something in this domain and queue, sorted.

    One that is switched off is among them: its events wait in the outbox, so that a desk which comes back after an
    hour of maintenance finds every case that was promised meanwhile.
    """
    serving = Q(queue__isnull=True) if queue_pk is None else Q(queue__isnull=True) | Q(queue_id=queue_pk)
    found = Endpoint.objects.filter(serving, domain=domain, purpose=purpose)
    return sorted(f"{purpose}:{slug}" for slug in found.values_list("slug", flat=True))


def entry(endpoint: Endpoint) -> dict[str, Any]:
    """Return the endpoint as an entry of the outbox' registry.

    One event of one lane is in hand at a time: a worker that dies leaves a single call whose outcome is unknown, and a
    slow ticket holds up nobody's but its own.
    """
    told = {
        "layers": LAYERS,
        "options": {
            "claim_check": {"over": settings.CLAIM_CHECK_BYTES, "part": "transcript.turns", "keep": KEPT}
        },
    }
    return {
        "handler": HANDLER,
        "queue": "helpdesk",
        "on_exhausted": "park",
        "lanes_per_claim": 1,
        "lanes_in_flight": endpoint.max_in_flight,
        "breaker": (2, 5, 15, 30),
    } | (told if endpoint.purpose == Endpoint.Purpose.HELPDESK else {})
