"""Business calendars: figures worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from handoff.sla.calendar import ALWAYS, BadCalendar, Calendar, NeverOpens

OFFICE = "Mo-Fr 09:00-13:00,14:00-18:00"
LISBON = Calendar(OFFICE, "Europe/Lisbon")
HOUR = timedelta(hours=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_two_hours_from_friday_at_five_end_on_monday_at_ten_in_summer_time() -> None:
    # Friday 27 March 17:00 is winter time; the clocks change on Sunday; Monday 10:00 is 09:00 UTC.
    assert LISBON.add(utc(2026, 3, 27, 17), 2 * HOUR) == utc(2026, 3, 30, 9)


def test_a_budget_skips_the_lunch_break() -> None:
    assert LISBON.add(utc(2026, 1, 5, 12), 2 * HOUR) == utc(2026, 1, 5, 15)


def test_a_budget_that_fills_the_day_is_due_at_closing_time() -> None:
    assert LISBON.add(utc(2026, 1, 5, 9), 8 * HOUR) == utc(2026, 1, 5, 18)


def test_one_second_more_is_due_the_next_morning() -> None:
    assert LISBON.add(utc(2026, 1, 5, 9), timedelta(hours=8, seconds=1)) == utc(2026, 1, 6, 9, 0, 1)


def test_no_working_time_is_due_at_once_even_at_night() -> None:
    assert LISBON.add(utc(2026, 1, 5, 3), timedelta(0)) == utc(2026, 1, 5, 3)


def test_a_week_of_split_days_has_forty_working_hours() -> None:
    assert LISBON.between(utc(2026, 3, 23), utc(2026, 3, 30)) == 40 * HOUR


def test_time_counted_backwards_is_negative() -> None:
    assert LISBON.between(utc(2026, 1, 5, 18), utc(2026, 1, 5, 9)) == -8 * HOUR


@pytest.mark.parametrize(
    ("saturday_evening_utc", "hours"), [((2026, 3, 8, 3), 7), ((2026, 11, 1, 2), 9), ((2026, 6, 7, 2), 8)]
)
def test_a_night_shift_over_a_clock_change_is_as_long_as_the_people_work(
    saturday_evening_utc: tuple[int, ...], hours: int
) -> None:
    night = Calendar("22:00-06:00", "America/New_York")
    begins = utc(*saturday_evening_utc)
    assert night.next_opening(begins) == begins
    assert night.between(begins, begins + 12 * HOUR) == hours * HOUR


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("Australia/Lord_Howe", date(2026, 4, 5), timedelta(hours=24, minutes=30)),  # back by half an hour
        ("Australia/Lord_Howe", date(2026, 10, 4), timedelta(hours=23, minutes=30)),
        ("America/Sao_Paulo", date(2018, 11, 4), 23 * HOUR),  # a day without a midnight
        ("America/Sao_Paulo", date(2018, 2, 17), 25 * HOUR),  # a day whose last hour comes twice
        ("Europe/Lisbon", date(2026, 3, 29), 23 * HOUR),
        ("Europe/Lisbon", date(2026, 10, 25), 25 * HOUR),
    ],
)
def test_a_whole_day_is_as_long_as_its_clock_makes_it(zone: str, day: date, length: timedelta) -> None:
    calendar = Calendar(f"{day.year} {day:%b} {day.day} 00:00-24:00", zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    assert calendar.between(noon - timedelta(days=2), noon + timedelta(days=2)) == length


def test_hours_inside_a_repeated_hour_are_worked_once() -> None:
    # On 25 October 01:15 comes at 00:15 UTC and again at 01:15 UTC.
    calendar = Calendar("01:15-01:45", "Europe/Lisbon")
    assert calendar.between(utc(2026, 10, 25), utc(2026, 10, 26)) == timedelta(minutes=30)
    assert not calendar.is_open(utc(2026, 10, 25, 0, 20))
    assert calendar.is_open(utc(2026, 10, 25, 1, 20))


def test_hours_inside_a_skipped_hour_are_not_worked() -> None:
    calendar = Calendar("02:10-02:50", "America/New_York")
    assert calendar.between(utc(2026, 3, 8), utc(2026, 3, 9)) == timedelta(0)


def test_public_holidays_of_the_country_are_closed() -> None:
    calendar = Calendar(OFFICE, "Europe/Lisbon", "PT")
    # Thursday 24 December 17:00, one hour until closing, Christmas on Friday, so Monday 10:00.
    assert calendar.add(utc(2026, 12, 24, 17), 2 * HOUR) == utc(2026, 12, 28, 10)
    assert LISBON.add(utc(2026, 12, 24, 17), 2 * HOUR) == utc(2026, 12, 25, 10)


def test_a_holiday_moved_off_the_weekend_is_closed_on_the_day_it_is_kept() -> None:
    # 26 December 2026 is a Saturday; England keeps Boxing Day on Monday the 28th.
    calendar = Calendar(OFFICE, "Europe/London", "GB", "ENG")
    assert calendar.next_opening(utc(2026, 12, 25, 12)) == utc(2026, 12, 29, 9)


def test_a_holiday_of_one_region_is_worked_in_another() -> None:
    wednesday = utc(2026, 6, 24, 9)  # St John: Porto rests, Lisbon does not
    assert not Calendar(OFFICE, "Europe/Lisbon", "PT", "13").is_open(wednesday)
    assert Calendar(OFFICE, "Europe/Lisbon", "PT", "11").is_open(wednesday)


def test_further_closed_days_count_in_the_calendars_own_zone() -> None:
    calendar = Calendar("", "Pacific/Auckland", extra_closed=(date(2026, 7, 1),))
    # Midnight in Auckland (UTC+12 in July) is noon in UTC of the day before.
    assert calendar.between(utc(2026, 6, 30), utc(2026, 7, 2)) == 24 * HOUR
    assert calendar.next_opening(utc(2026, 6, 30, 13)) == utc(2026, 7, 1, 12)


def test_a_closed_day_cuts_the_night_shift_at_midnight_on_both_sides() -> None:
    calendar = Calendar("22:00-06:00", "UTC", extra_closed=(date(2026, 12, 25),))
    assert not calendar.is_open(utc(2026, 12, 25, 0))
    assert calendar.next_opening(utc(2026, 12, 25, 0)) == utc(2026, 12, 26, 0)
    assert calendar.between(utc(2026, 12, 24, 12), utc(2026, 12, 26, 12)) == 8 * HOUR


def test_closing_time_is_not_open_and_opening_time_is() -> None:
    assert LISBON.is_open(utc(2026, 1, 5, 9))
    assert not LISBON.is_open(utc(2026, 1, 5, 13))
    assert LISBON.next_opening(utc(2026, 1, 5, 13)) == utc(2026, 1, 5, 14)


def test_the_next_opening_is_now_while_open() -> None:
    at = utc(2026, 1, 5, 9, 30, 12, 345_678)
    assert LISBON.next_opening(at) == at


def test_day_and_night_counts_every_second() -> None:
    assert ALWAYS.add(utc(2026, 3, 29), 8 * HOUR) == utc(2026, 3, 29, 8)
    assert ALWAYS.between(utc(2026, 1, 1), utc(2027, 1, 1)) == timedelta(days=365)
    assert ALWAYS.next_opening(utc(2026, 1, 1)) == utc(2026, 1, 1)


def test_answers_are_in_utc_whatever_zone_was_asked_in() -> None:
    asked = datetime(2026, 1, 5, 4, tzinfo=ZoneInfo("America/New_York"))
    answer = LISBON.add(asked, HOUR)
    assert answer == utc(2026, 1, 5, 10)
    assert answer.tzinfo is UTC


@pytest.mark.parametrize("hours", ["off", "2020 Jan 1 09:00-10:00"])
def test_a_calendar_that_never_opens_says_so(hours: str) -> None:
    never = Calendar(hours, "Europe/Lisbon")
    assert never.next_opening(utc(2026, 1, 1)) is None
    assert never.between(utc(2026, 1, 1), utc(2027, 1, 1)) == timedelta(0)
    with pytest.raises(NeverOpens):
        never.add(utc(2026, 1, 1), HOUR)
    with pytest.raises(BadCalendar, match="hours: These hours never open"):
        never.must_open(utc(2026, 1, 1))


def test_more_working_time_than_the_horizon_holds_is_refused() -> None:
    with pytest.raises(NeverOpens):
        Calendar("Jan 1 09:00-10:00").add(utc(2026, 1, 2), 6 * HOUR)


def test_a_case_older_than_the_horizon_is_still_counted() -> None:
    # From a Monday to a Monday, in winter time both.
    weeks = (utc(2029, 12, 31) - utc(2010, 1, 4)) // timedelta(weeks=1)
    assert LISBON.between(utc(2010, 1, 4), utc(2029, 12, 31)) == weeks * 40 * HOUR


def test_a_day_closed_late_in_a_long_stretch_is_closed() -> None:
    calendar = Calendar("", extra_closed=(date(2037, 7, 1),))
    assert calendar.between(utc(2026, 1, 1), utc(2037, 7, 3)) == (
        utc(2037, 7, 3) - utc(2026, 1, 1) - 24 * HOUR
    )


def test_negative_working_time_and_datetimes_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="never taken away"):
        LISBON.add(utc(2026, 1, 1), -HOUR)
    with pytest.raises(ValueError, match="without a zone"):
        LISBON.is_open(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("field", "message", "fields"),
    [
        ("hours", "from character 7 on", {"hours": "Mo-Fr 9-5"}),
        ("hours", "'–' has no place", {"hours": "Mo–Fr 09:00-17:00"}),
        ("hours", "'\\n' has no place", {"hours": "Mo-Fr 09:00-17:00\nSa 10:00-12:00"}),
        ("hours", "'\\x00' has no place", {"hours": "Mo-Fr 09:00-17:00\0"}),
        ("hours", "'\\ud800' has no place", {"hours": "Mo \ud800"}),
        ("hours", "Leave PH and SH out", {"hours": "Mo-Fr 09:00-17:00; ph off"}),
        ("hours", "in place of sunrise", {"hours": "sunrise-18:00"}),
        ("hours", "no remarks", {"hours": '"by appointment"'}),
        ("hours", "no remarks", {"hours": "Mo-Fr 09:00-17:00 unknown"}),
        ("hours", "too long", {"hours": "Mo-Fr 09:00-17:00; " * 30}),
        ("time_zone", "no time zone 'Lisbon'", {"time_zone": "Lisbon"}),
        ("time_zone", "no time zone 'Europe'", {"time_zone": "Europe"}),
        ("time_zone", "no time zone", {"time_zone": "../../etc/passwd"}),
        ("time_zone", "no time zone", {"time_zone": ""}),
        ("time_zone", "no time zone", {"time_zone": "x" * 300}),
        ("time_zone", "no time zone", {"time_zone": "Factory"}),
        ("country", "known for 'XX'", {"country": "XX"}),
        ("country", "known for 'Portugal'", {"country": "Portugal"}),
        ("country", "known for 'pt'", {"country": "pt"}),
        ("subdivision", "PT has no subdivision '99'", {"country": "PT", "subdivision": "99"}),
        ("subdivision", "needs its country", {"subdivision": "NY"}),
    ],
)
def test_a_bad_calendar_names_the_field_and_says_what_to_write(
    field: str, message: str, fields: dict[str, str]
) -> None:
    with pytest.raises(BadCalendar) as caught:
        Calendar(**{"hours": OFFICE, "time_zone": "Europe/Lisbon", **fields})
    assert caught.value.field == field
    assert message in caught.value.message


def test_spaces_around_the_hours_are_forgiven() -> None:
    assert Calendar(f"  {OFFICE} ", "Europe/Lisbon") == LISBON
    assert Calendar("   ") == ALWAYS
