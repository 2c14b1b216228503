"""The three clocks of a case: first response, next response, resolution. Pure: every moment is passed in.

A pause moves the start and the due time of every running clock on by the working time that it lasted, so the working
time that remained, and the share of the budget used, are the same after it as before. It follows that no pause makes
anything due earlier, that a pause without length changes nothing, and that two pauses end to end are one.

A calendar that does not open any more (see ``calendar.HORIZON``) must not make a promise disappear: its due times are
counted round the clock instead.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from handoff.sla.budgets import Budgets
from handoff.sla.calendar import ALWAYS, Calendar, NeverOpens

Colour = Literal["green", "yellow", "red"]
Kind = Literal["first", "next", "resolution"]


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of one case. Whoever stores them stores every field.

    ``started_at`` (first response and resolution) and ``next_started_at`` are when the budget began to run, moved on
    by each pause since; they are not when the case was opened. ``first_due`` and ``resolution_due`` are kept after
    their clocks stopped, so that ``first_done_at <= first_due`` says whether the promise was met.
    """

    started_at: datetime
    first_due: datetime
    resolution_due: datetime
    first_done_at: datetime | None = None
    next_started_at: datetime | None = None
    next_due: datetime | None = None
    paused_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """One clock that runs: which, since when (see ``Clocks``), and until when."""

    kind: Kind
    start: datetime
    due: datetime


def opened(calendar: Calendar, budgets: Budgets, priority: str, now: datetime) -> Clocks:
    """Start the first response and the resolution. A case that waits for consent is opened and then paused."""
    budget = budgets.of(priority)
    return Clocks(now, _due(calendar, now, budget.first), _due(calendar, now, budget.resolution))


def answered(clocks: Clocks, calendar: Calendar, now: datetime) -> Clocks:
    """An agent's public reply stops the first and the next response. Internal notes are not replies."""
    if clocks.closed_at:
        return clocks
    # A first answer given during a pause is judged by a due time that this pause has moved as well.
    first_due = clocks.first_due if clocks.first_done_at else _after_pause(clocks, calendar, now).first_due
    done_at = clocks.first_done_at or now
    return replace(clocks, first_due=first_due, first_done_at=done_at, next_started_at=None, next_due=None)


def customer_said(
    clocks: Clocks, calendar: Calendar, budgets: Budgets, priority: str, now: datetime
) -> Clocks:
    """Start the next response, unless the customer already waits for an answer.

    Whoever insists gains no time: a second message leaves the clock of the first one alone. Where the message ends a
    pause, call ``resumed`` first.
    """
    if clocks.closed_at or clocks.next_due or not clocks.first_done_at:
        return clocks
    return replace(clocks, next_started_at=now, next_due=_due(calendar, now, budgets.of(priority).next))


def paused(clocks: Clocks, now: datetime) -> Clocks:
    """Stop all clocks while somebody else is waited for. A pause that already runs is left alone."""
    return clocks if clocks.paused_at or clocks.closed_at else replace(clocks, paused_at=now)


def resumed(clocks: Clocks, calendar: Calendar, now: datetime) -> Clocks:
    """Let the clocks run again, with the working time that remained. What was overdue stays so, by the same time."""
    return replace(_after_pause(clocks, calendar, now), paused_at=None)


def reprioritised(clocks: Clocks, calendar: Calendar, budgets: Budgets, priority: str) -> Clocks:
    """Give running clocks another budget (or another queue's calendar), counted from their start, not from now.

    So a case that has waited too long for its new priority is overdue at once, and says so. During a pause as well:
    the due times then move when it ends.
    """
    if clocks.closed_at:
        return clocks
    budget = budgets.of(priority)
    changed = replace(clocks, resolution_due=_due(calendar, clocks.started_at, budget.resolution))
    if not clocks.first_done_at:
        changed = replace(changed, first_due=_due(calendar, clocks.started_at, budget.first))
    if clocks.next_started_at:
        changed = replace(changed, next_due=_due(calendar, clocks.next_started_at, budget.next))
    return changed


def closed(clocks: Clocks, calendar: Calendar, now: datetime) -> Clocks:
    """Stop everything for good. ``closed_at <= resolution_due`` then says whether the promise was met."""
    if clocks.closed_at:
        return clocks
    return replace(resumed(clocks, calendar, now), next_started_at=None, next_due=None, closed_at=now)


def running(clocks: Clocks) -> list[Running]:
    """Return the clocks that run, the one due first in front; none while paused and after the close."""
    if clocks.paused_at or clocks.closed_at:
        return []
    found = [Running("resolution", clocks.started_at, clocks.resolution_due)]
    if not clocks.first_done_at:
        found.append(Running("first", clocks.started_at, clocks.first_due))
    if clocks.next_started_at and clocks.next_due:
        found.append(Running("next", clocks.next_started_at, clocks.next_due))
    return sorted(found, key=lambda clock: clock.due)


def attention_at(clocks: Clocks) -> datetime | None:
    """Return the earliest due time that runs: the stored order of the queue. None: nobody is waited for here."""
    return min((clock.due for clock in running(clocks)), default=None)


def warning_at(clocks: Clocks, calendar: Calendar) -> datetime | None:
    """Return when the first of the running clocks turns yellow. It need not be the one that is due first."""
    return min((warn_at(clock.start, clock.due, calendar) for clock in running(clocks)), default=None)


def warn_at(start: datetime, due: datetime, calendar: Calendar) -> datetime:
    """Return when 0.6 of the budget is used, in working time: the warning before the breach.

    The moment a clock turns yellow is the moment to warn. One figure for both, so the colour on the page and the
    warning that was sent never disagree, and four tenths of the budget are left to act in.
    """
    budget = calendar.between(start, due)
    if not budget:  # a due time counted round the clock, because the calendar has no hours here
        calendar, budget = ALWAYS, due - start
    return _due(calendar, start, budget * 3 // 5)


def colour(start: datetime, due: datetime, calendar: Calendar, now: datetime) -> Colour:
    """Return green before 0.6 of the budget is used, yellow until it is due, red afterwards.

    Red begins with the due time itself, also where that is a closing time and no working time has passed since.
    """
    if now > due:
        return "red"
    return "yellow" if now >= warn_at(start, due, calendar) else "green"


def case_colour(clocks: Clocks, calendar: Calendar, now: datetime) -> Colour | None:
    """Return the worst colour of the clocks that run; None while none does.

    The same follows from stored times: red after ``attention_at``, yellow from ``warning_at`` on.
    """
    colours = [colour(clock.start, clock.due, calendar, now) for clock in running(clocks)]
    return max(colours, key=("green", "yellow", "red").index, default=None)


def _after_pause(clocks: Clocks, calendar: Calendar, now: datetime) -> Clocks:
    """Move what runs by the working time since the pause began. Without a pause, nothing moves."""
    if clocks.paused_at is None:
        return clocks
    length = _elapsed(calendar, clocks.paused_at, now)
    moved = replace(
        clocks,
        started_at=_due(calendar, clocks.started_at, length),
        resolution_due=_due(calendar, clocks.resolution_due, length),
    )
    if not clocks.first_done_at:
        moved = replace(moved, first_due=_due(calendar, clocks.first_due, length))
    if clocks.next_started_at and clocks.next_due:
        # A customer may write during a pause: that clock has stood still only since then.
        length = _elapsed(calendar, max(clocks.paused_at, clocks.next_started_at), now)
        moved = replace(
            moved,
            next_started_at=_due(calendar, clocks.next_started_at, length),
            next_due=_due(calendar, clocks.next_due, length),
        )
    return moved


def _elapsed(calendar: Calendar, since: datetime, now: datetime) -> timedelta:
    # Two machines' clocks may differ by a little; a pause is never shorter than nothing.
    return max(calendar.between(since, now), timedelta(0))


def _due(calendar: Calendar, start: datetime, working: timedelta) -> datetime:
    try:
        return calendar.add(start, working)
    except NeverOpens:
        return ALWAYS.add(start, working)
