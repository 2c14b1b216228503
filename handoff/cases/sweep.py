"""What time does to cases: warnings, breaches, and attempts that nobody accepted. One periodic task runs it.

Due times are stored, so each look is an index scan over what is due; each case is changed in a transaction of its own,
and one that fails leaves the others alone and is found again.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F

from handoff.cases import clock
from handoff.cases.actions import do_release
from handoff.cases.actor import SYSTEM
from handoff.cases.attempts import end_attempt
from handoff.cases.change import Change, changing
from handoff.models import Handoff, SupportCase
from persistence.database import database_now
from persistence.errors import HoldfastError

log = logging.getLogger(__name__)
MOST = 200  # of each kind in one sweep; the next one is seconds away


def sweep(*, now: datetime | None = None) -> dict[str, int]:
    """Warn, note breaches, and end attempts whose time is over. Returns how many of each."""
    now = now or database_now()
    due = SupportCase.objects.filter(warn_at__lte=now).order_by("warn_at")
    late = Handoff.objects.filter(state__in=("queued", "accepted"), accept_due_at__lte=now).order_by(
        "accept_due_at"
    )
    return {
        "clocks": each(due.values_list("case_id", flat=True)[:MOST], ring, now),
        "attempts": each(late.values_list(F("case__case_id"), flat=True)[:MOST], give_up_waiting, now),
    }


def each(case_ids: Iterable[UUID], work: Callable[[Change], bool], now: datetime) -> int:
    """Do the work on each case in its own transaction; returns how often there was something to do."""
    done = 0
    for case_id in list(case_ids):
        try:
            with changing(case_id, actor=SYSTEM, now=now) as change:
                done += work(change)
        except HoldfastError as error:
            log.warning("case %s is looked at again in the next sweep: %s", case_id, error.code)
    return done


def ring(change: Change) -> bool:
    """Warn once before each due time and note its breach once; then look at the clock that comes next."""
    case, now = change.case, change.now
    if case.warn_at is None or case.warn_at > now:
        return False
    due = case.attention_at
    kind = "breached" if due is not None and due <= now else "warned"
    case.warn_at = clock.next_due_after(case, now)
    facts = {"due_at": due.isoformat() if due else None}
    if case.events.filter(kind=kind, data=facts).exists():
        return False
    if kind == "breached":
        case.breached_at = case.breached_at or now
    change.write(kind, data=facts)
    return True


def give_up_waiting(change: Change) -> bool:
    """Nobody came in time. Whoever took the case and did not answer gives it back; an empty queue, to the assistant."""
    attempt = change.attempt
    if attempt is None or attempt.accept_due_at is None or attempt.accept_due_at > change.now:
        return False
    if attempt.state == "accepted":
        do_release(change, "released")
        return True
    end_attempt(change, "timed_out", "bot", "no_agent", "no agent in time")
    change.write("timed_out", data={"because": "no_agent"})
    return True
