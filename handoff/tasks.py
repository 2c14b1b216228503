"""Celery's doors to the handoffs."""

from typing import Any

from celery import shared_task

from handoff.cases import sweep as cases_sweep


@shared_task(name="handoff.sweep")
def sweep(**_: Any) -> None:
    """Warn, note breaches, and end attempts that nobody accepted."""
    cases_sweep.sweep()
