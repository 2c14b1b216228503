"""Celery's doors to the outbox. A message carries a destination's name at most: losing it changes nothing."""

from typing import Any

from celery import shared_task
from django.conf import settings

from outbox import attempts, selectors, upkeep
from outbox import relay as relay_module
from outbox.destinations import destination as find_destination
from outbox.destinations import destinations, sourced_destinations

NUDGE_EXPIRES_SECONDS = 1.0  # the tick of relay_sources: a stopped worker finds no heap of nudges


@shared_task(name="outbox.relay")
def relay(*, destination: str, **_: Any) -> None:
    """Relay one destination until the time budget is used up, or, when it is a source's, until nothing is due.

    Sources may know hundreds: a worker that waited for each of them would serve none of the others meanwhile.
    """
    relay_module.relay(
        find_destination(destination),
        budget=settings.OUTBOX_RELAY_BUDGET_SECONDS,
        poll=settings.OUTBOX_POLL_SECONDS,
        until_empty=destination not in settings.OUTBOX_DESTINATIONS,
    )


@shared_task(name="outbox.relay_sources")
def relay_sources(**_: Any) -> None:
    """Send a relay for each destination of a source that has something due; beat knows only those of the settings."""
    found = sourced_destinations()
    for name in selectors.due(list(found)):
        relay.apply_async(
            kwargs={"destination": name}, queue=found[name].queue, expires=NUDGE_EXPIRES_SECONDS
        )


@shared_task(name="outbox.rescue")
def rescue(**_: Any) -> None:
    """Free expired leases, whichever destination they are of."""
    if expired := upkeep.with_expired_leases():
        known = destinations()
        for name in sorted(expired & known.keys()):
            upkeep.rescue(known[name])


@shared_task(name="outbox.reconcile")
def reconcile(**_: Any) -> None:
    """Wake lanes that sleep by mistake."""
    upkeep.reconcile()


@shared_task(name="outbox.prune")
def prune(**_: Any) -> None:
    """Delete what was delivered, and what was logged, long enough ago."""
    upkeep.prune(keep_seconds=settings.OUTBOX_KEEP_DELIVERED_HOURS * 3600)
    attempts.prune(keep_seconds=settings.OUTBOX_KEEP_ATTEMPTS_DAYS * 86_400)
