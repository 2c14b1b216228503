"""How an endpoint fares: the columns of the list, and what its page shows beside the form."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.utils.safestring import SafeString

from handoff.admin.endpoint_form import SIGNING, known_secrets
from handoff.admin.guide import guide
from handoff.models import Endpoint
from handoff.secrets import SecretsUnreadable, is_outdated
from outbox.adminkit.show import badge, code, json_block, when
from outbox.models import DeliveryAttempt, DestinationState

ATTEMPTS_SHOWN = 20


class EndpointColumns:
    """The columns, for the admin class."""

    @admin.display(description="destination")
    def destination_(self, endpoint: Endpoint) -> SafeString:
        return code(endpoint.destination)

    @admin.display(description="domain")
    def domain_(self, endpoint: Endpoint) -> SafeString:
        return code(endpoint.domain)

    @admin.display(description="kind")
    def connector_(self, endpoint: Endpoint) -> str:
        return guide(endpoint.connector).title if endpoint.connector else "–"

    @admin.display(description="options")
    def options_(self, endpoint: Endpoint) -> SafeString:
        return json_block(endpoint.options)

    @admin.display(description="state")
    def state(self, endpoint: Any) -> SafeString:
        return badge(*state_of(endpoint.active, endpoint.parked_reason or "", endpoint.failures or 0))

    @admin.display(description="secrets")
    def secrets_(self, endpoint: Endpoint) -> SafeString:
        known, unreadable = known_secrets(endpoint)
        if unreadable:
            return badge("cannot be read", "bad")
        if is_outdated(endpoint.sealed_secrets):
            return badge("under a former key", "warn")
        return badge("sealed", "good") if known else badge("none", "warn")

    @admin.display(description="changed")
    def changed(self, endpoint: Endpoint) -> SafeString | str:
        return when(endpoint.changed_at)


def standing(endpoint: Endpoint) -> dict[str, Any]:
    """Return what the endpoint's page shows beside its form: switches, breaker, secrets, and the last attempts."""
    state = DestinationState.objects.filter(destination=endpoint.destination).first()
    known, unreadable = known_secrets(endpoint)
    parked, failures = (state.parked_reason, state.failures) if state else ("", 0)
    attempts = DeliveryAttempt.objects.filter(destination=endpoint.destination).order_by("-id")
    word, colour = state_of(endpoint.active, parked, failures)
    return {
        "destination": endpoint.destination,
        "posts_to": inbound_address(endpoint) if endpoint.purpose == Endpoint.Purpose.HELPDESK else "",
        "breaker": state,
        "state_word": word,
        "state_colour": colour,
        "unreadable": SecretsUnreadable() if unreadable else None,
        "outdated": not unreadable and is_outdated(endpoint.sealed_secrets),
        "makes_signing": guide(endpoint.connector).makes_signing,
        "previous_kept": len(known.get(SIGNING, ())) > 1,
        "attempts": list(attempts[:ATTEMPTS_SHOWN]),
    }


def inbound_address(endpoint: Endpoint) -> str:
    """Return where the help desk posts what its agents do."""
    return f"{settings.PUBLIC_URL.rstrip('/')}/api/v1/inbound/{endpoint.slug}"


def state_of(active: bool, parked_reason: str, failures: int) -> tuple[str, str]:
    """Return how the endpoint fares, as a word and its colour."""
    if not active:
        return "switched off", "calm"
    if parked_reason:
        return "parked", "warn"
    return ("failing", "bad") if failures else ("ok", "good")
