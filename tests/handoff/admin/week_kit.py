"""A week of a desk, written down directly: cases of any age, deliveries that are stuck."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import uuid_utils
from django.utils import timezone

from handoff.dashboard.scope import Scope
from handoff.models import Queue, SupportCase
from outbox.models import Delivery, Lane, OutboxEvent
from persistence.models import Conversation

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def scope(*domains: str, now: datetime = NOW) -> Scope:
    return Scope(domains or ("demo",), now)


def case(*, opened: timedelta = HOUR, domain: str = "demo", now: datetime = NOW, **given: Any) -> SupportCase:
    """Write down a case that was opened so long before ``now``."""
    queue, _ = Queue.objects.get_or_create(domain=domain, name="main")
    conversation = Conversation.objects.create(
        public_id=given.pop("public_id", None) or uuid4(),
        domain=domain,
        channel="web",
        session_hash=uuid4().bytes,
        hash_version=1,
        chain_head=b"",
    )
    facts: dict[str, Any] = {"status": "open", "opened_at": now - opened, "reason_codes": ["user_request"]}
    return SupportCase.objects.create(
        case_id=uuid4(),
        conversation=conversation,
        domain=domain,
        channel="web",
        queue=queue,
        idempotency_key=str(uuid4()),
        **facts | given,
    )


def ended(*, after: timedelta, closed: timedelta = HOUR, **given: Any) -> SupportCase:
    """Write down a case that took ``after`` and was closed so long before now."""
    now = given.get("now", NOW)
    facts = {"status": "closed", "closed_as": "resolved", "closed_at": now - closed}
    return case(opened=closed + after, **facts | given)


def stuck(destination: str, status: str = "dead", *, overdue: timedelta = timedelta(0)) -> Delivery:
    now = timezone.now()
    event = OutboxEvent.objects.create(
        event_id=str(uuid_utils.uuid7()), event_type="case.note", ordering_key="k", ordering_seq=1, payload={}
    )
    lane = Lane.objects.create(destination=destination, ordering_key=str(uuid4()), due_at=now - overdue)
    settled = None if status == "pending" else now
    return Delivery.objects.create(
        lane=lane, event=event, seq=1, status=status, next_at=now, settled_at=settled
    )
