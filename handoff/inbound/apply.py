"""``hear``: one thing that a desk told, applied to its case in one durable transaction with its receipt."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from handoff.cases.actor import Actor
from handoff.cases.change import Change, lock
from handoff.connectors.port import Heard
from handoff.connectors.registry import connector
from handoff.delivery.links import LinkConflict, keep_link
from handoff.errors import CaseNotFound, TransitionRefused
from handoff.inbound.receipts import conclude, receive
from handoff.inbound.reply import apply_note, apply_reply
from handoff.inbound.status import apply_assigned, apply_status
from handoff.models import Endpoint, ExternalLink, SupportCase
from persistence.database import translated
from persistence.jsontext import refuse

SOMEBODY = "agent"  # who wrote, where the desk does not say
IGNORED, NOT_OURS, REFUSED = "ignored", "not_ours", "refused"


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of it: applied, kept_as_note, stale, ended, refused, ignored, not_ours; or it was known."""

    outcome: str
    duplicate: bool = False


def hear(endpoint: Endpoint, heard: Heard, *, now: datetime | None = None) -> Applied:
    """Apply what a desk told, once.

    Raises CaseNotFound, InvalidTurn (the text cannot be kept, or the ids contradict each other) and
    PersistenceUnavailable; no receipt is kept then, so that the desk may tell it again.
    """
    with translated():
        case_id = None if heard.kind == IGNORED else case_of(endpoint, heard)
        if case_id is None and heard.kind != IGNORED:
            return Applied(NOT_OURS)
        try:
            return _apply(endpoint, heard, case_id, now)
        except TransitionRefused:
            return _refused(endpoint, heard)


def case_of(endpoint: Endpoint, heard: Heard) -> UUID | None:
    """Return the case that it is about; None for a ticket that never was one of ours. Raises CaseNotFound.

    Adapters that look tickets up by our case find its id on each of ours; a ticket without one belongs to somebody
    else's business. Other desks may speak before their answer to our create was kept: they are to try again.
    """
    links = ExternalLink.objects.filter(endpoint=endpoint).select_related("case")
    linked = links.filter(external_id=heard.external_id).first() if heard.external_id else None
    if linked:
        found: UUID = linked.case.case_id
        if heard.case_id not in (None, found):
            raise refuse("case_id", "is not the case that this desk's ticket belongs to")
        return found
    if heard.case_id is None:
        if connector(endpoint.connector).correlates:
            return None
        raise CaseNotFound
    case = SupportCase.objects.filter(case_id=heard.case_id, domain=endpoint.domain).first()
    if case is None or not may_speak(endpoint, case):
        raise CaseNotFound
    return case.case_id


def may_speak(endpoint: Endpoint, case: SupportCase) -> bool:
    """Say whether the case was told to this desk, or would have been; before consent it was told to none."""
    if case.status == SupportCase.Status.PENDING_CONSENT:
        return False
    serves = endpoint.queue_id is None or endpoint.queue_id == case.queue_id
    return serves or ExternalLink.objects.filter(endpoint=endpoint, case=case).exists()


def _apply(endpoint: Endpoint, heard: Heard, case_id: UUID | None, now: datetime | None) -> Applied:
    """1. the receipt, or it is known · 2. lock the case · 3. link it · 4. apply · 5. tell the others."""
    with transaction.atomic(durable=True):
        receipt = receive(endpoint, heard, IGNORED)
        if receipt is None:
            return Applied("", duplicate=True)
        if case_id is None:
            return Applied(IGNORED)
        author = heard.author or SOMEBODY
        actor = Actor(f"{endpoint.slug}:{author}", "desk", destination=endpoint.destination)
        change = lock(case_id, actor=actor, now=now)
        outcome = _changed(change, linked(endpoint, change.case, heard), heard, author)
        change.save()
        conclude(receipt, outcome)
    return Applied(outcome)


def _changed(change: Change, link: ExternalLink, heard: Heard, author: str) -> str:
    match heard.kind:
        case "reply":
            return apply_reply(change, heard.text, author)
        case "note":
            return apply_note(change, heard.text, author)
        case "status" if heard.status:
            return apply_status(change, link, heard.status, heard.at)
        case "assigned" if heard.author:
            return apply_assigned(change, change.actor.assignee, heard.at)
    return IGNORED


def linked(endpoint: Endpoint, case: SupportCase, heard: Heard) -> ExternalLink:
    """Return the link, made now where the desk speaks before its answer was kept. Raises InvalidTurn."""
    known = ExternalLink.objects.filter(endpoint=endpoint, case=case).first()
    if known and heard.external_id in ("", known.external_id):
        return known
    try:
        return keep_link(endpoint, case, heard.external_id or str(case.case_id))
    except LinkConflict:
        raise refuse("external_id", "is not the ticket that this desk opened for the case") from None


def _refused(endpoint: Endpoint, heard: Heard) -> Applied:
    """Keep the receipt of what the case's state does not allow: telling it again would change nothing."""
    with transaction.atomic(durable=True):
        receive(endpoint, heard, REFUSED)
    return Applied(REFUSED)
