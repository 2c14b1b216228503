"""Celery's doors to persistence."""

from typing import Any

from celery import shared_task
from django.conf import settings

from persistence.claim_check.store import claims_store
from persistence.claim_check.sweep import sweep
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
