"""Open a case, or join the one that is there, inside the transaction of the turn that asks for a human."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils
from django.conf import settings
from django.db import transaction

from handoff.cases import clock
from handoff.cases.actor import Actor
from handoff.cases.attempts import begin_attempt, recent_attempts, request_attempt
from handoff.cases.change import Change
from handoff.cases.notify import request_human
from handoff.cases.snapshot import snapshot
from handoff.models import Handoff, Queue, SupportCase
from handoff.models.cases import LIVE
from handoff.requests import HandoffRequest
from persistence.control import LockedConversation
from persistence.database import database_now
from persistence.privacy.redaction import redact_text

log = logging.getLogger(__name__)
QUEUED, PENDING_CONSENT = "handoff_queued", "handoff_pending_consent"
RAISED = {"low": "normal", "normal": "high", "high": "urgent", "urgent": "urgent"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a wish for a human; ``status`` is the answer's ``handoff_status``."""

    case: SupportCase
    status: str
    attempt: Handoff | None
    fresh: bool


def ask_for_human(
    conversation: LockedConversation,
    wish: HandoffRequest,
    *,
    actor: Actor,
    key: str,
    turn_id: UUID | None,
    now: datetime | None = None,
) -> Asked:
    """Make the promise: a case exists, a human is called, and control waits for them.

    1. find the case that is live, or was closed just now, or open one · 2. write down what was asked
    3. unless consent is missing, begin an attempt: control waits in the queue, the team is told.
    """
    now = now or database_now()
    case = live_case(conversation) or reopened_case(conversation, now)
    fresh = case is None
    if case is None:
        case = open_case(conversation, wish, key=key, turn_id=turn_id, now=now)
    change = Change(case, conversation, actor, now)
    if case.status == "closed":
        reopen_for_loop(change)
    status = PENDING_CONSENT if case.status == "pending_consent" else QUEUED
    change.write(
        "opened" if fresh else "asked_again",
        text=redact_text(wish.reason),
        data={"reason_code": wish.reason_code, "handoff_status": status},
        turn_id=turn_id,
    )
    if wish.reason_code not in case.reason_codes:
        case.reason_codes = [*case.reason_codes, wish.reason_code]
    attempt = change.attempt
    if attempt is None:
        attempt = (
            call_team(change, wish.reason_code, first=fresh)
            if status == QUEUED
            else request_attempt(change, wish.reason_code)
        )
    change.save()
    return Asked(case, status, attempt, fresh)


def call_team(change: Change, reason_code: str, *, first: bool) -> Handoff:
    """Begin an attempt and move control into the queue; damp a conversation that comes back again and again."""
    if recent_attempts(change) >= settings.HANDOFF_LOOP_LIMIT and not change.case.looping:
        change.case.looping = True
        change.case.priority = RAISED[change.case.priority]
        clock.reprioritised(change.case)
        change.write("looping", data={"priority": change.case.priority})
    attempt = begin_attempt(change, reason_code)
    if first:
        request_human(change, attempt)
    return attempt


def live_case(conversation: LockedConversation) -> SupportCase | None:
    """Return the conversation's live case. Its row cannot move: every change locks the conversation first."""
    return (
        SupportCase.objects.select_related("queue")
        .select_for_update(of=("self",))
        .filter(conversation_id=conversation.pk, status__in=LIVE)
        .first()
    )


def reopened_case(conversation: LockedConversation, now: datetime) -> SupportCase | None:
    """Return a case that was closed so recently that asking again means it was not over."""
    since = now - timedelta(minutes=settings.HANDOFF_LOOP_MINUTES)
    return (
        SupportCase.objects.select_related("queue")
        .select_for_update(of=("self",))
        .filter(
            conversation_id=conversation.pk,
            status="closed",
            merged_into__isnull=True,
            closed_at__gt=since,
        )
        .order_by("-id")
        .first()
    )


def reopen_for_loop(change: Change) -> None:
    """Take up a case that was closed just now; no second ticket for the same trouble."""
    case = change.case
    case.status, case.closed_at, case.closed_as, case.assignee = "open", None, "", ""
    case.reopened += 1
    clock.opened(case, change.now)
    change.write("reopened", data={"because": "asked_again"})


def open_case(
    conversation: LockedConversation,
    wish: HandoffRequest,
    *,
    key: str,
    turn_id: UUID | None,
    now: datetime,
) -> SupportCase:
    """Insert the case with its clocks running, or waiting for consent."""
    queue = queue_named(conversation.domain, wish.queue)
    waits = wish.consent_required or queue.consent_required
    case = SupportCase(
        case_id=UUID(str(uuid_utils.uuid7())),
        conversation_id=conversation.pk,
        opening_turn=turn_id,
        domain=conversation.domain,
        channel=conversation.channel,
        customer_ref=conversation.customer_ref,
        status="pending_consent" if waits else "open",
        priority=wish.priority,
        reason_codes=[wish.reason_code],
        reason_text=redact_text(wish.reason),
        queue=queue,
        idempotency_key=key,
        opened_at=now,
        last_customer_at=now,
        follow_up_of_id=earlier_case(conversation),
        context_snapshot=best_effort_snapshot(conversation, wish),
    )
    if not waits:
        clock.opened(case, now)
    case.save(force_insert=True)
    return case


def queue_named(domain: str, name: str) -> Queue:
    """Return the queue, opened with defaults where it is new: a typo must not keep a customer from a human."""
    Queue.objects.bulk_create([Queue(domain=domain, name=name)], ignore_conflicts=True)
    return Queue.objects.get(domain=domain, name=name)


def earlier_case(conversation: LockedConversation) -> int | None:
    """Return the conversation's last ended case, which a new one follows up."""
    found: int | None = (
        SupportCase.objects.filter(conversation_id=conversation.pk)
        .order_by("-id")
        .values_list("pk", flat=True)
        .first()
    )
    return found


def best_effort_snapshot(conversation: LockedConversation, wish: HandoffRequest) -> dict[str, Any]:
    """Return what agents read first. In a savepoint: a summary that fails must not sink the ticket."""
    customer = {"locale": wish.customer.locale, "verified": wish.customer.verified}
    try:
        with transaction.atomic():
            return {"customer": customer} | snapshot(conversation)
    except Exception:  # whatever was stored, or said: the promise comes first
        log.exception("no summary for a case of conversation %s; the case is opened", conversation.public_id)
        return {"customer": customer, "summary": None}
