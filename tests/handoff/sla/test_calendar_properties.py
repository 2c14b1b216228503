"""What holds for every calendar, near every change of the clocks."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.handoff.sla.support import (
    NIGHT,
    ROUND_THE_CLOCK,
    SPLIT,
    WEEKEND,
    calendars,
    calendars_with_holidays,
    gaps,
    minutes_open,
    moments,
    working,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_working_time_is_what_counting_every_minute_finds(data: st.DataObject) -> None:
    calendar = data.draw(calendars(hours=(SPLIT, NIGHT, WEEKEND, ROUND_THE_CLOCK)))
    a = data.draw(moments(calendar, days=3)).replace(second=0)
    minutes = data.draw(st.integers(0, 5 * 1440))
    assert calendar.between(a, a + timedelta(minutes=minutes)) == minutes_open(calendar, a, minutes)


@settings(deadline=None)
@given(st.data())
def test_what_was_added_lies_between(data: st.DataObject) -> None:
    calendar = data.draw(calendars_with_holidays())
    start, amount = data.draw(moments(calendar)), data.draw(working())
    assert calendar.between(start, calendar.add(start, amount)) == amount


@settings(deadline=None)
@given(st.data())
def test_adding_what_lies_between_never_passes_the_end(data: st.DataObject) -> None:
    calendar = data.draw(calendars_with_holidays())
    a = data.draw(moments(calendar))
    b = a + data.draw(gaps())
    there = calendar.add(a, calendar.between(a, b))
    assert there <= b
    assert calendar.between(there, b) == timedelta(0)


@settings(deadline=None)
@given(st.data())
def test_adding_twice_is_adding_the_sum(data: st.DataObject) -> None:
    calendar = data.draw(calendars_with_holidays())
    start, one, two = data.draw(moments(calendar)), data.draw(working()), data.draw(working())
    assert calendar.add(calendar.add(start, one), two) == calendar.add(start, one + two)


@settings(deadline=None)
@given(st.data())
def test_a_stretch_is_the_sum_of_its_parts(data: st.DataObject) -> None:
    calendar = data.draw(calendars_with_holidays())
    a = data.draw(moments(calendar))
    b = a + data.draw(gaps())
    c = b + data.draw(gaps())
    assert calendar.between(a, b) + calendar.between(b, c) == calendar.between(a, c)
    assert calendar.between(c, a) == -calendar.between(a, c)


@settings(deadline=None)
@given(st.data())
def test_later_starts_and_larger_budgets_are_never_due_earlier(data: st.DataObject) -> None:
    calendar = data.draw(calendars_with_holidays())
    start, amount = data.draw(moments(calendar)), data.draw(working())
    due = calendar.add(start, amount)
    assert start <= due
    assert due <= calendar.add(start + data.draw(gaps()), amount)
    assert due <= calendar.add(start, amount + data.draw(working()))


@settings(deadline=None)
@given(st.data())
def test_no_working_time_passes_before_the_next_opening_and_some_passes_after_it(data: st.DataObject) -> None:
    calendar = data.draw(calendars_with_holidays())
    at = data.draw(moments(calendar))
    opens = calendar.next_opening(at)
    assert opens is not None
    assert opens >= at
    assert calendar.between(at, opens) == timedelta(0)
    assert calendar.is_open(opens)
    assert calendar.is_open(at) == (opens == at)
    assert calendar.between(opens, opens + timedelta(seconds=1)) > timedelta(0)
