"""What holds for the clocks of every case: any calendar, any change of the clocks on the wall, any pause."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.sla import clocks
from handoff.sla.budgets import Budgets
from handoff.sla.calendar import Calendar
from tests.handoff.sla.support import budgets, calendars_with_holidays, gaps, moments, priorities


@dataclass(frozen=True)
class Story:
    """A case somewhere in its life: waiting for the first answer, answered, or waiting for the next one."""

    calendar: Calendar
    budgets: Budgets
    priority: str
    case: clocks.Clocks
    now: datetime


@st.composite
def stories(draw: st.DrawFn) -> Story:
    calendar, allowed, priority = draw(calendars_with_holidays()), draw(budgets), draw(priorities)
    now = draw(moments(calendar))
    case = clocks.opened(calendar, allowed, priority, now)
    if draw(st.booleans()):
        now += draw(gaps(2))
        case = clocks.answered(case, calendar, now)
        if draw(st.booleans()):
            now += draw(gaps(2))
            case = clocks.customer_said(case, calendar, allowed, priority, now)
    return Story(calendar, allowed, priority, case, now + draw(gaps(2)))


def pause(story: Story, case: clocks.Clocks, start: datetime, end: datetime) -> clocks.Clocks:
    return clocks.resumed(clocks.paused(case, start), story.calendar, end)


@settings(deadline=None)
@given(stories())
def test_a_pause_without_length_changes_nothing(story: Story) -> None:
    assert pause(story, story.case, story.now, story.now) == story.case


@settings(deadline=None)
@given(stories(), gaps())
def test_a_pause_never_makes_anything_due_earlier(story: Story, length: timedelta) -> None:
    after = pause(story, story.case, story.now, story.now + length)
    before = {clock.kind: clock for clock in clocks.running(story.case)}
    assert {clock.kind for clock in clocks.running(after)} == set(before)
    for clock in clocks.running(after):
        assert clock.due >= before[clock.kind].due
        assert clock.start >= before[clock.kind].start


@settings(deadline=None)
@given(stories(), gaps(), gaps())
def test_a_pause_cut_in_two_is_one_pause(story: Story, one: timedelta, two: timedelta) -> None:
    middle, end = story.now + one, story.now + one + two
    cut = pause(story, pause(story, story.case, story.now, middle), middle, end)
    assert cut == pause(story, story.case, story.now, end)


@settings(deadline=None)
@given(stories(), gaps())
def test_a_pause_keeps_the_time_used_the_time_left_and_the_budget(story: Story, length: timedelta) -> None:
    end = story.now + length
    after = {clock.kind: clock for clock in clocks.running(pause(story, story.case, story.now, end))}
    between = story.calendar.between
    for clock in clocks.running(story.case):
        moved = after[clock.kind]
        assert between(moved.start, end) == between(clock.start, story.now)
        assert between(end, moved.due) == between(story.now, clock.due)
        assert between(moved.start, moved.due) == between(clock.start, clock.due)


@settings(deadline=None)
@given(stories(), gaps(1), gaps(3))
def test_a_pause_that_ends_before_it_began_is_no_pause(
    story: Story, early: timedelta, length: timedelta
) -> None:
    """Two machines' clocks disagree."""
    assert pause(story, story.case, story.now, story.now - early) == story.case


@settings(deadline=None)
@given(stories(), priorities, gaps())
def test_a_change_of_priority_and_back_changes_nothing(story: Story, other: str, length: timedelta) -> None:
    case = pause(story, story.case, story.now, story.now + length)
    for priority in (other, story.priority):
        case = clocks.reprioritised(case, story.calendar, story.budgets, priority)
    again = clocks.reprioritised(case, story.calendar, story.budgets, story.priority)
    assert case == again
    between = story.calendar.between
    for clock in clocks.running(case):
        assert between(clock.start, clock.due) == getattr(story.budgets.of(story.priority), clock.kind)


@settings(deadline=None)
@given(stories(), priorities, gaps())
def test_priority_and_pause_may_change_in_any_order(story: Story, other: str, length: timedelta) -> None:
    end = story.now + length
    paused = clocks.paused(story.case, story.now)
    args = (story.calendar, story.budgets, other)
    assert clocks.resumed(clocks.reprioritised(paused, *args), story.calendar, end) == clocks.reprioritised(
        clocks.resumed(paused, story.calendar, end), *args
    )


@settings(deadline=None)
@given(stories(), gaps())
def test_stored_times_give_the_same_colour_as_the_clocks(story: Story, later: timedelta) -> None:
    now = story.now + later
    warning, attention = clocks.warning_at(story.case, story.calendar), clocks.attention_at(story.case)
    assert warning is not None
    assert attention is not None
    assert warning <= attention
    stored = "red" if now > attention else "yellow" if now >= warning else "green"
    assert clocks.case_colour(story.case, story.calendar, now) == stored


@settings(deadline=None)
@given(stories())
def test_a_warning_leaves_two_fifths_of_the_budget(story: Story) -> None:
    for clock in clocks.running(story.case):
        warning = clocks.warn_at(clock.start, clock.due, story.calendar)
        left = story.calendar.between(warning, clock.due)
        budget = story.calendar.between(clock.start, clock.due)
        assert abs(left - budget * 2 / 5) <= timedelta.resolution


@settings(deadline=None)
@given(stories(), gaps(), gaps())
def test_a_colour_never_gets_better_by_waiting(story: Story, one: timedelta, two: timedelta) -> None:
    order = ["green", "yellow", "red"]
    sooner = clocks.case_colour(story.case, story.calendar, story.now + one)
    later = clocks.case_colour(story.case, story.calendar, story.now + one + two)
    assert sooner is not None
    assert later is not None
    assert order.index(sooner) <= order.index(later)
