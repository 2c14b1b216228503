"""Reading cases, as the API shows them."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from handoff.cases.rules import allowed
from handoff.errors import CaseNotFound
from handoff.models import SupportCase
from handoff.models.cases import LIVE
from persistence.jsontext import refuse, storable_text

MOST_EVENTS = 500
PLACE = re.compile(r"(?P<moment>none|\d{8}T\d{6}\.\d{6}Z)-(?P<pk>\d{1,18})", re.ASCII)


def rows_with_names() -> QuerySet[SupportCase]:
    """Return cases together with what their names are taken from."""
    return SupportCase.objects.select_related("queue", "conversation", "follow_up_of", "merged_into")


def find_case(domain: str, case_id: UUID) -> SupportCase:
    """Return a case of the domain. Raises CaseNotFound."""
    case = rows_with_names().filter(case_id=case_id, domain=domain)
    if found := case.first():
        return found
    raise CaseNotFound


def list_cases(
    domain: str, *, status: str | None, queue: str | None, assignee: str | None, limit: int, after: str | None
) -> dict[str, Any]:
    """Return a page of a domain's cases: live ones by attention, ended ones the newest first.

    ``assignee=""`` asks for those that nobody has. Raises InvalidTurn for a status or a place that does not exist.
    """
    if status is not None and status not in SupportCase.Status.values:
        raise refuse("status", f"is none of {', '.join(SupportCase.Status.values)}")
    rows = rows_with_names().filter(domain=domain)
    ended = status in ("closed", "cancelled")
    rows = rows.filter(status=status) if status else rows.filter(status__in=LIVE)
    if queue is not None:
        rows = rows.filter(queue__name=storable_text(queue, "queue"), queue__domain=domain)
    if assignee is not None:
        rows = rows.filter(assignee=storable_text(assignee, "assignee"))
    rows = rows.filter(beyond(after, ended)) if after else rows
    order = ("-closed_at", "-id") if ended else ("attention_at", "id")
    page = list(rows.order_by(*order)[: limit + 1])
    more = len(page) > limit
    return {
        "cases": [case_fields(case) for case in page[:limit]],
        "next_after": place_of(page[limit - 1], ended) if more else None,
    }


def place_of(case: SupportCase, ended: bool) -> str:
    """Return a case's place in its list, as text that needs no quoting in an address."""
    moment = case.closed_at if ended else case.attention_at
    return f"{moment:%Y%m%dT%H%M%S.%fZ}-{case.pk}" if moment else f"none-{case.pk}"


def beyond(after: str, ended: bool) -> Q:
    """Return the condition for what follows a place."""
    match = PLACE.fullmatch(after)
    if match is None or (match["moment"] == "none" and ended):
        raise refuse("after", "is no place that this list has given")
    pk = int(match["pk"])
    if match["moment"] == "none":
        return Q(attention_at__isnull=True, pk__gt=pk)
    try:
        moment = datetime.strptime(match["moment"], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise refuse("after", "is no place that this list has given") from None
    if ended:
        return Q(closed_at__lt=moment) | Q(closed_at=moment, pk__lt=pk)
    return Q(attention_at__gt=moment) | Q(attention_at=moment, pk__gt=pk) | Q(attention_at__isnull=True)


def case_fields(case: SupportCase, *, with_events: bool = False) -> dict[str, Any]:
    """Return a case as JSON values; ``actions`` are those that its state allows."""
    conversation = case.conversation
    found: dict[str, Any] = {
        "case_id": str(case.case_id),
        "conversation_id": str(conversation.public_id),
        "domain": case.domain,
        "channel": case.channel,
        "customer_ref": case.customer_ref,
        "status": case.status,
        "priority": case.priority,
        "reason_codes": case.reason_codes,
        "reason": case.reason_text,
        "queue": case.queue.name,
        "assignee": case.assignee or None,
        "version": case.version,
        "control": conversation.control,
        "control_epoch": conversation.control_epoch,
        "looping": case.looping,
        "reopened": case.reopened,
        "closed_as": case.closed_as or None,
        "follow_up_of": uuid_text(case.follow_up_of),
        "merged_into": uuid_text(case.merged_into),
        "actions": allowed(case),
        "context": case.context_snapshot,
    }
    for name in (
        "opened_at",
        "first_due_at",
        "next_due_at",
        "resolution_due_at",
        "attention_at",
        "paused_at",
        "first_responded_at",
        "breached_at",
        "closed_at",
    ):
        moment = getattr(case, name)
        found[name] = moment.isoformat() if moment else None
    if with_events:
        found["events"] = [
            {
                "seq": event.seq,
                "kind": event.kind,
                "actor": event.actor,
                "text": event.text,
                "data": event.data,
                "created_at": event.created_at.isoformat(),
            }
            for event in reversed(case.events.order_by("-seq")[:MOST_EVENTS])
        ]
    return found


def uuid_text(case: SupportCase | None) -> str | None:
    """Return the id of another case, or None."""
    return str(case.case_id) if case else None
