"""A case's stored due times, kept by the pure clocks of ``handoff.sla``.

``attention_at`` and ``warn_at`` follow from the clocks and are stored, so that the queue is ordered and the sweep
finds what is due by an index.
"""

import logging
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from handoff.models import Queue, SupportCase
from handoff.sla import clocks
from handoff.sla.budgets import DEFAULT_BUDGETS, BadBudgets, Budgets
from handoff.sla.calendar import ALWAYS, Calendar
from handoff.sla.clocks import Clocks
from handoff.sla.rules import BadCalendar

log = logging.getLogger(__name__)


@lru_cache(maxsize=256)
def _calendar(hours: str, time_zone: str, country: str, subdivision: str) -> Calendar:
    return Calendar(hours, time_zone, country, subdivision)


def calendar_of(queue: Queue) -> Calendar:
    """Return the queue's calendar, made once for each set of hours.

    One that a newer library does not read any more must not keep a customer from a human: it is open day and night.
    """
    try:
        return _calendar(queue.hours, queue.time_zone, queue.country, queue.subdivision)
    except BadCalendar:
        log.exception(
            "the hours of queue %s/%s cannot be read; it counts as always open", queue.domain, queue.name
        )
        return ALWAYS


def is_open(queue: Queue, now: datetime) -> bool:
    """Say whether people are there."""
    return calendar_of(queue).is_open(now)


def next_opening(queue: Queue, now: datetime) -> datetime | None:
    """Return when people are there next, or None where that is not foreseen."""
    return calendar_of(queue).next_opening(now)


def opened(case: SupportCase, now: datetime) -> None:
    """Start the clocks of a case that is opened, or opened again; a first response that was given stays given."""
    calendar, budgets = calendar_of(case.queue), budgets_of(case.queue)
    found = clocks.opened(calendar, budgets, case.priority, now)
    if case.first_responded_at and case.first_due_at:
        found = replace(found, first_due=case.first_due_at, first_done_at=case.first_responded_at)
        found = clocks.customer_said(found, calendar, budgets, case.priority, now)
    case.breached_at = None
    store(case, found)


def answered(case: SupportCase, now: datetime) -> None:
    """An agent has answered the customer."""
    if found := of(case):
        store(case, clocks.answered(found, calendar_of(case.queue), now))


def customer_said(case: SupportCase, now: datetime) -> None:
    """The customer waits for an answer again."""
    case.last_customer_at = now
    if found := of(case):
        running = clocks.resumed(found, calendar_of(case.queue), now)
        budgets = budgets_of(case.queue)
        store(case, clocks.customer_said(running, calendar_of(case.queue), budgets, case.priority, now))


def paused(case: SupportCase, now: datetime) -> None:
    """Somebody else has to act."""
    if found := of(case):
        store(case, clocks.paused(found, now))


def resumed(case: SupportCase, now: datetime) -> None:
    """It is our turn again."""
    if found := of(case):
        store(case, clocks.resumed(found, calendar_of(case.queue), now))


def reprioritised(case: SupportCase) -> None:
    """The case has another priority, or another queue."""
    if found := of(case):
        calendar, budgets = calendar_of(case.queue), budgets_of(case.queue)
        store(case, clocks.reprioritised(found, calendar, budgets, case.priority))


def closed(case: SupportCase, now: datetime) -> None:
    """Nothing is due any more. Call it before ``closed_at`` is written."""
    if found := of(case):
        store(case, clocks.closed(found, calendar_of(case.queue), now))


def next_due_after(case: SupportCase, now: datetime) -> datetime | None:
    """Return the next due time of a clock that runs."""
    found = of(case)
    return min((one.due for one in clocks.running(found) if one.due > now), default=None) if found else None


def of(case: SupportCase) -> Clocks | None:
    """Return the case's clocks; None while it has none, because the customer has not consented yet."""
    if case.clock_started_at is None or case.first_due_at is None or case.resolution_due_at is None:
        return None
    return Clocks(
        started_at=case.clock_started_at,
        first_due=case.first_due_at,
        resolution_due=case.resolution_due_at,
        first_done_at=case.first_responded_at,
        next_started_at=case.next_started_at,
        next_due=case.next_due_at,
        paused_at=case.paused_at,
        closed_at=case.closed_at,
    )


def store(case: SupportCase, found: Clocks) -> None:
    """Write the clocks into the case, and what follows from them."""
    case.clock_started_at = found.started_at
    case.first_due_at = found.first_due
    case.resolution_due_at = found.resolution_due
    case.first_responded_at = found.first_done_at
    case.next_started_at = found.next_started_at
    case.next_due_at = found.next_due
    case.paused_at = found.paused_at
    case.attention_at = clocks.attention_at(found)
    case.warn_at = clocks.warning_at(found, calendar_of(case.queue))


def budgets_of(queue: Queue) -> Budgets:
    """Return the queue's budgets, which the admin's form has checked; the usual ones where they cannot be read."""
    try:
        return Budgets.from_json(queue.budgets)
    except BadBudgets:
        log.exception(
            "the budgets of queue %s/%s cannot be read; the usual ones hold", queue.domain, queue.name
        )
        return DEFAULT_BUDGETS
