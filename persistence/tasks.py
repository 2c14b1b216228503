"""Celery's doors to persistence."""

from typing import Any

from celery import shared_task
from django.conf import settings

from persistence.claim_check.store import claims_store
from persistence.claim_check.sweep import sweep
from persistence.session.behind.apply import keep_up
from persistence.session.heal import heal_in_passing
from persistence.session.sweep import sweep_expired
from persistence.subject.objects import finish_open


@shared_task(name="persistence.sweep_claims")
def sweep_claims(**_: Any) -> None:
    """Delete claims that nobody can want any more."""
    sweep(
        claims_store(),
        grace_seconds=settings.CLAIM_CHECK_GRACE_HOURS * 3600,
        abandoned_seconds=settings.CLAIM_CHECK_ABANDONED_DAYS * 86_400,
    )


@shared_task(name="persistence.finish_erasures")
def finish_erasures(**_: Any) -> None:
    """Delete what still lies off-box of customers who were erased."""
    finish_open()


@shared_task(name="persistence.sweep_states")
def sweep_states(**_: Any) -> None:
    """Delete session states from Postgres whose time has passed."""
    sweep_expired()


@shared_task(name="persistence.write_behind")
def write_behind(**_: Any) -> None:
    """Apply to Postgres what Redis acknowledged for the Redis-first domains."""
    keep_up(budget=settings.OUTBOX_RELAY_BUDGET_SECONDS)


@shared_task(name="persistence.heal_states")
def heal_states(**_: Any) -> None:
    """Tell Redis which session states were written while it was out."""
    heal_in_passing()
