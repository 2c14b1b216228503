"""``handoff.requested``: everything that a help desk needs to begin with, in one body."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from handoff.cases.change import Change
from handoff.cases.tell import Outgoing, about
from handoff.endpoints import receivers
from handoff.models import Handoff, SupportCase
from persistence.privacy.redaction import REDACTION_VERSION


def request_human(change: Change, attempt: Handoff) -> None:
    """Add ``handoff.requested`` to what this transaction tells. The case exists exactly when this event does."""
    case = change.case
    to = receivers(case.domain, "helpdesk", case.queue_id)
    change.outgoing.append(requested(change, attempt, to))


def request_human_again(change: Change, to: Sequence[str]) -> None:
    """Tell further desks of a case that was opened elsewhere, once for each queue that it comes to."""
    case = change.case
    attempt = Handoff.objects.filter(case=case).order_by("-id").first()
    if to and attempt is not None:
        change.outgoing.append(requested(change, attempt, to))


def requested(change: Change, attempt: Handoff, to: Sequence[str]) -> Outgoing:
    """Return the event with everything that a desk needs to begin.

    The transcript's text is no part of the stored event: turns are immutable, so it is read when it is sent.
    """
    case = change.case
    payload = about(case, change.conversation) | {
        "handoff_id": str(attempt.handoff_id),
        "reason_code": attempt.reason_code,
        "reason_text": case.reason_text,
        "priority": case.priority,
        "queue": case.queue.name,
        "trigger": case.context_snapshot.get("trigger"),
        "sla": {
            "first_due": iso(case.first_due_at),
            "resolution_due": iso(case.resolution_due_at),
        },
        "customer": {"ref": case.customer_ref} | case.context_snapshot.get("customer", {}),
        "summary": case.context_snapshot.get("summary"),
        "transcript": {
            "through_seq": change.conversation.last_seq,
            "count": change.conversation.last_seq,
        },
        "references": [],
        "links": {"case_url": case_url(case)},
        "redaction_version": REDACTION_VERSION,
        "created_at": change.now.isoformat(),
    }
    key = f"handoff.requested:{case.case_id}:{case.queue_id}"
    return Outgoing("handoff.requested", payload, str(case.case_id), case.event_seq, to, idempotency_key=key)


def case_url(case: SupportCase) -> str:
    """Return the address of the case's page in the console."""
    try:
        path = reverse("admin:handoff_supportcase_change", args=(case.pk,))
    except NoReverseMatch:  # an installation without the console
        return ""
    return settings.PUBLIC_URL.rstrip("/") + path


def iso(moment: Any) -> str | None:
    """Return a moment as text, or None."""
    return moment.isoformat() if moment else None
