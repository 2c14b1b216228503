"""The clocks of a case: stories with figures worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from handoff.sla import clocks
from handoff.sla.budgets import DEFAULT_BUDGETS, Budgets
from handoff.sla.calendar import ALWAYS, Calendar

OFFICE = Calendar("Mo-Fr 09:00-13:00,14:00-18:00", "Europe/Lisbon")
HOUR = timedelta(hours=1)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a moment of January 2026, when Lisbon is at UTC; the 5th is a Monday."""
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def opened(priority: str = "urgent", now: datetime | None = None) -> clocks.Clocks:
    return clocks.opened(OFFICE, DEFAULT_BUDGETS, priority, now or at(5, 9))


def said(case: clocks.Clocks, now: datetime, priority: str = "urgent") -> clocks.Clocks:
    return clocks.customer_said(case, OFFICE, DEFAULT_BUDGETS, priority, now)


def test_a_normal_case_of_friday_afternoon_is_due_on_monday_and_solved_within_the_week() -> None:
    case = opened("normal", at(9, 16))
    # 8 h: two on Friday, six on Monday (9 to 13, 14 to 16). 32 h: Friday 2, Monday to Wednesday 24, Thursday 6.
    assert case.first_due == at(12, 16)
    assert case.resolution_due == at(15, 16)
    assert clocks.attention_at(case) == at(12, 16)


def test_an_urgent_case_of_the_night_is_due_an_hour_after_opening() -> None:
    assert opened("urgent", at(5, 2)).first_due == at(5, 10)


def test_an_agents_reply_stops_first_and_next_and_leaves_the_resolution() -> None:
    case = clocks.answered(opened(), OFFICE, at(5, 9, 40))
    assert case.first_done_at == at(5, 9, 40)
    assert clocks.attention_at(case) == case.resolution_due == at(5, 13)
    waiting = said(case, at(5, 10))
    assert waiting.next_due == at(5, 11)
    assert clocks.answered(waiting, OFFICE, at(5, 10, 30)).next_due is None


def test_a_later_reply_leaves_the_time_of_the_first_alone() -> None:
    case = clocks.answered(opened(), OFFICE, at(5, 9, 40))
    assert clocks.answered(case, OFFICE, at(5, 12)).first_done_at == at(5, 9, 40)


def test_a_customer_who_writes_before_the_first_answer_starts_no_second_clock() -> None:
    assert said(opened(), at(5, 9, 30)) == opened()


def test_a_customer_who_insists_gains_no_time() -> None:
    case = said(clocks.answered(opened(), OFFICE, at(5, 9, 40)), at(5, 10))
    assert said(case, at(5, 10, 50)).next_due == at(5, 11)


def test_a_pause_keeps_the_working_time_that_remained() -> None:
    # 20 minutes used on Monday, 40 remain; the customer answers on Wednesday at 17:30, so 30 are left for that day.
    case = clocks.resumed(clocks.paused(opened(), at(5, 9, 20)), OFFICE, at(7, 17, 30))
    assert case.first_due == at(8, 9, 10)
    assert OFFICE.between(case.started_at, case.first_due) == HOUR
    assert OFFICE.between(case.started_at, at(7, 17, 30)) == timedelta(minutes=20)


def test_nothing_is_due_while_paused() -> None:
    case = clocks.paused(opened(), at(5, 9, 20))
    assert clocks.attention_at(case) is None
    assert clocks.warning_at(case, OFFICE) is None
    assert clocks.case_colour(case, OFFICE, at(20, 9)) is None


def test_what_was_overdue_before_a_pause_is_overdue_by_the_same_working_time_after_it() -> None:
    # Due at 10:00, paused at 10:30, resumed two days later at 10:00: half an hour over, so due at 9:30.
    case = clocks.resumed(clocks.paused(opened(), at(5, 10, 30)), OFFICE, at(7, 10))
    assert case.first_due == at(7, 9, 30)


def test_a_pause_outside_working_hours_moves_nothing() -> None:
    case = opened("normal", at(5, 16))
    assert clocks.resumed(clocks.paused(case, at(5, 18)), OFFICE, at(6, 8)) == case


def test_a_second_pause_in_a_pause_changes_nothing() -> None:
    case = clocks.paused(opened(), at(5, 9, 20))
    assert clocks.paused(case, at(5, 9, 50)) == case


def test_a_message_during_a_pause_is_due_from_its_own_time_on() -> None:
    case = clocks.paused(clocks.answered(opened(), OFFICE, at(5, 9, 40)), at(5, 10))
    case = clocks.resumed(said(case, at(6, 9)), OFFICE, at(6, 11))
    # Written at 9, the clock stood until 11, one hour of budget.
    assert case.next_due == at(6, 12)


def test_a_first_reply_during_a_pause_is_judged_without_the_pause() -> None:
    # Due at 10:00 with 40 minutes left; two hours of pause; the answer at 11:20 is in time for 12:00.
    case = clocks.answered(clocks.paused(opened(), at(5, 9, 20)), OFFICE, at(5, 11, 20))
    assert case.first_due == at(5, 12)
    resumed = clocks.resumed(case, OFFICE, at(5, 12, 20))
    assert resumed.first_due == at(5, 12)
    assert resumed.resolution_due == at(5, 17)  # 13:00 moved by three hours of work


def test_a_higher_priority_counts_from_the_start_and_may_be_overdue_at_once() -> None:
    case = clocks.reprioritised(opened("normal"), OFFICE, DEFAULT_BUDGETS, "urgent")
    assert case == opened("urgent")
    assert clocks.case_colour(case, OFFICE, at(5, 15)) == "red"


def test_a_new_priority_after_a_pause_counts_from_the_start_without_the_pause() -> None:
    case = clocks.resumed(clocks.paused(opened("normal"), at(5, 9, 20)), OFFICE, at(7, 17, 30))
    assert clocks.reprioritised(case, OFFICE, DEFAULT_BUDGETS, "urgent").first_due == at(8, 9, 10)


def test_a_new_priority_during_a_pause_takes_hold_when_it_ends() -> None:
    case = clocks.paused(opened("normal"), at(5, 9, 20))
    case = clocks.reprioritised(case, OFFICE, DEFAULT_BUDGETS, "urgent")
    assert clocks.attention_at(case) is None
    assert clocks.resumed(case, OFFICE, at(7, 17, 30)).first_due == at(8, 9, 10)


def test_a_new_priority_leaves_what_was_answered_alone_and_moves_what_runs() -> None:
    case = said(clocks.answered(opened("normal"), OFFICE, at(5, 12)), at(5, 14), "normal")
    changed = clocks.reprioritised(case, OFFICE, DEFAULT_BUDGETS, "high")
    assert changed.first_due == case.first_due
    assert changed.next_due == at(5, 16)
    assert changed.resolution_due == at(5, 18)


def test_another_queue_brings_its_own_hours() -> None:
    moved = clocks.reprioritised(opened("normal"), ALWAYS, DEFAULT_BUDGETS, "normal")
    assert moved.first_due == at(5, 17)


def test_a_closed_case_asks_for_nothing_and_stays_as_it_was() -> None:
    case = clocks.closed(said(clocks.answered(opened(), OFFICE, at(5, 9, 40)), at(5, 10)), OFFICE, at(5, 11))
    assert clocks.attention_at(case) is None
    assert case.resolution_due == at(5, 13)
    assert said(case, at(6, 9)) == case
    assert clocks.answered(case, OFFICE, at(6, 9)) == case
    assert clocks.paused(case, at(6, 9)) == case
    assert clocks.resumed(case, OFFICE, at(6, 9)) == case
    assert clocks.reprioritised(case, OFFICE, DEFAULT_BUDGETS, "low") == case
    assert clocks.closed(case, OFFICE, at(6, 9)) == case


def test_a_case_closed_during_a_pause_is_judged_without_the_pause() -> None:
    case = clocks.closed(clocks.paused(opened(), at(5, 9, 20)), OFFICE, at(6, 9))
    assert case.resolution_due == at(6, 12, 40)  # 3 h 40 of the four remained
    assert case.paused_at is None


@pytest.mark.parametrize(
    ("now", "colour"),
    [
        (at(5, 9), "green"),
        (at(5, 9, 35), "green"),
        (at(5, 9, 36), "yellow"),
        (at(5, 10), "yellow"),
        (at(5, 10) + timedelta.resolution, "red"),
    ],
)
def test_a_clock_is_yellow_from_three_fifths_of_its_budget_and_red_after_it(
    now: datetime, colour: str
) -> None:
    assert clocks.colour(at(5, 9), at(5, 10), OFFICE, now) == colour


def test_the_warning_comes_in_working_time() -> None:
    # 8 h from Friday 16:00: 4 h 48 later are two hours on Friday and 2 h 48 on Monday.
    case = opened("normal", at(9, 16))
    assert clocks.warn_at(case.started_at, case.first_due, OFFICE) == at(12, 11, 48)


def test_a_clock_due_at_closing_time_is_red_that_night() -> None:
    assert clocks.colour(at(5, 9), at(5, 18), OFFICE, at(5, 23)) == "red"


def test_the_case_has_the_worst_colour_of_its_clocks() -> None:
    # To be solved by 13:00, seven eighths of that gone; the customer has just written again.
    case = said(clocks.answered(opened(), OFFICE, at(5, 9, 40)), at(5, 12, 30))
    assert [clock.kind for clock in clocks.running(case)] == ["resolution", "next"]
    assert clocks.colour(at(5, 12, 30), at(5, 14, 30), OFFICE, at(5, 12, 30)) == "green"
    assert clocks.case_colour(case, OFFICE, at(5, 12, 30)) == "yellow"
    assert clocks.warning_at(case, OFFICE) == at(5, 11, 24)


def test_a_queue_that_never_opens_still_makes_its_promise() -> None:
    never = Calendar("2020 Jan 1 09:00-10:00")
    case = clocks.opened(never, DEFAULT_BUDGETS, "urgent", at(5, 9))
    assert case.first_due == at(5, 10)
    assert clocks.colour(case.started_at, case.first_due, never, at(5, 9, 30)) == "green"
    assert clocks.colour(case.started_at, case.first_due, never, at(5, 9, 40)) == "yellow"


def test_a_queues_own_budgets_are_used() -> None:
    budgets = Budgets.from_json({"urgent": {"first": 15, "next": 30, "resolution": 45}})
    case = clocks.opened(OFFICE, budgets, "urgent", at(5, 9))
    assert (case.first_due, case.resolution_due) == (at(5, 9, 15), at(5, 9, 45))
    answered = clocks.answered(case, OFFICE, at(5, 9, 10))
    assert clocks.customer_said(answered, OFFICE, budgets, "urgent", at(5, 9, 20)).next_due == at(5, 9, 50)
