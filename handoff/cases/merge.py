"""Two cases about one thing become one: the duplicate is closed and points to the other."""

from uuid import UUID

from django.db import transaction

from handoff.cases import clock
from handoff.cases.actor import Actor
from handoff.cases.attempts import end_attempt
from handoff.cases.change import Change, lock
from handoff.cases.rules import check
from handoff.errors import CaseNotFound
from handoff.models import SupportCase
from persistence.control import lock_conversation
from persistence.database import translated
from persistence.jsontext import refuse


def merge(
    case_id: UUID, *, into: UUID, actor: Actor, version: int | None = None, domain: str | None = None
) -> SupportCase:
    """Close a case as a duplicate of ``into``, a live case of the same domain. Raises as every action does."""
    if case_id == into:
        raise refuse("into", "is the case itself")
    with translated(), transaction.atomic(durable=True):
        lock_both(case_id, into)
        change = lock(case_id, actor=actor, version=version, domain=domain)
        kept = lock(into, actor=actor, domain=change.case.domain, now=change.now)
        check(change, "merge")
        kept.refuse_unless(kept.case.live, "The case to merge into has ended; choose one that is live.")
        close_as_duplicate(change, kept)
        change.save()
        kept.save()
    return change.case


def close_as_duplicate(change: Change, kept: Change) -> None:
    """Write both histories; the conversation of the duplicate goes back to the assistant."""
    clock.closed(change.case, change.now)
    change.case.status, change.case.closed_as, change.case.closed_at = "closed", "duplicate", change.now
    change.case.merged_into = kept.case
    end_attempt(change, "resolved", "bot", "merged", f"merged into {kept.case.case_id}")
    change.write("merged", data={"into": str(kept.case.case_id)})
    kept.write("merged_in", data={"from": str(change.case.case_id)})


def lock_both(*case_ids: UUID) -> None:
    """Lock the conversations of several cases in one order, so that two merges never wait for each other."""
    found = SupportCase.objects.filter(case_id__in=case_ids).values_list("conversation_id", flat=True)
    pks = sorted(set(found))
    if not pks:
        raise CaseNotFound
    for pk in pks:
        lock_conversation(pk)
