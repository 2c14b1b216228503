"""Celery's doors to the outbox. A message carries a destination's name at most: losing it changes nothing."""

from typing import Any

from celery import shared_task
from django.conf import settings

from outbox import relay as relay_module
from outbox import upkeep
from outbox.destinations import destination as find_destination
from outbox.destinations import destinations


@shared_task(name="outbox.relay")
def relay(*, destination: str, **_: Any) -> None:
    """Relay one destination until the time budget is used up."""
    relay_module.relay(
        find_destination(destination),
        budget=settings.OUTBOX_RELAY_BUDGET_SECONDS,
        poll=settings.OUTBOX_POLL_SECONDS,
    )


@shared_task(name="outbox.rescue")
def rescue(**_: Any) -> None:
    """Free expired leases of every destination."""
    for destination in destinations().values():
        upkeep.rescue(destination)


@shared_task(name="outbox.reconcile")
def reconcile(**_: Any) -> None:
    """Wake lanes that sleep by mistake."""
    upkeep.reconcile()


@shared_task(name="outbox.prune")
def prune(**_: Any) -> None:
    """Delete what was delivered long enough ago."""
    upkeep.prune(keep_seconds=settings.OUTBOX_KEEP_DELIVERED_HOURS * 3600)
