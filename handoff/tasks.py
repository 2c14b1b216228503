"""Celery's doors to the handoffs."""

from typing import Any

from celery import shared_task

from handoff import search
from handoff.cases import sweep as cases_sweep
from handoff.inbound import receipts


@shared_task(name="handoff.sweep")
def sweep(**_: Any) -> None:
    """Warn, note breaches, and end attempts that nobody accepted."""
    cases_sweep.sweep()


@shared_task(name="handoff.refresh_search")
def refresh_search(**_: Any) -> None:
    """Bring what the console searches up to date."""
    search.refresh()


@shared_task(name="handoff.prune")
def prune(**_: Any) -> None:
    """Delete receipts of what desks told long ago."""
    receipts.prune()
