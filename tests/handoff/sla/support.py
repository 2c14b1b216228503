"""Calendars and moments that are hard to get right, and a slow model of both that is easy to believe."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from handoff.sla.budgets import PRIORITIES, Budgets
from handoff.sla.calendar import Calendar

# Moments at which the zone's clocks jump, both ways.
CHANGES = {
    "Europe/Lisbon": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    "America/Sao_Paulo": (datetime(2018, 11, 4, 3, tzinfo=UTC), datetime(2018, 2, 18, 2, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 10, 3, 15, 30, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC)),
}

SPLIT = "Mo-Fr 09:00-13:00,14:00-18:00; Sa 10:00-12:30"
NIGHT = "Mo-Su 22:00-06:00"
WEEKEND = "Sa-Su 00:00-24:00"
IN_THE_JUMP = "Mo-Su 01:15-01:45,02:10-02:20,23:30-00:30"
ROUND_THE_CLOCK = "24/7"


def is_open_by_the_wall_clock(hours: str, local: datetime) -> bool:
    """Read one minute of the wall clock the way a person reads the notice on the door."""
    minute, weekday = local.hour * 60 + local.minute, local.weekday()
    if hours == SPLIT:
        working_day = weekday < 5 and (540 <= minute < 780 or 840 <= minute < 1080)
        return working_day or (weekday == 5 and 600 <= minute < 750)
    if hours == NIGHT:
        return minute >= 1320 or minute < 360
    if hours == WEEKEND:
        return weekday >= 5
    return hours == ROUND_THE_CLOCK


def minutes_open(calendar: Calendar, a: datetime, minutes: int) -> timedelta:
    """Count open minutes one by one."""
    zone = ZoneInfo(calendar.time_zone)
    walls = [(a + timedelta(minutes=n)).astimezone(zone) for n in range(minutes)]
    counted = sum(
        wall.date() not in calendar.extra_closed and is_open_by_the_wall_clock(calendar.hours, wall)
        for wall in walls
    )
    return timedelta(minutes=counted)


@st.composite
def calendars(draw: Callable, hours: tuple[str, ...] = (SPLIT, NIGHT, WEEKEND, IN_THE_JUMP, "")) -> Calendar:
    """Draw a calendar; some close the days next to a change of the clocks."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    days = [at.astimezone(ZoneInfo(zone)).date() for at in CHANGES[zone]]
    near = [day + timedelta(days=n) for day in days for n in (-1, 0, 1)]
    closed: list[date] = draw(st.lists(st.sampled_from(near), max_size=3, unique=True))
    return Calendar(draw(st.sampled_from(hours)), zone, extra_closed=tuple(closed))


@st.composite
def calendars_with_holidays(draw: Callable) -> Calendar:
    """Draw any calendar, or one whose public holidays come from the library."""
    places = [
        ("Europe/Lisbon", "PT", "11"),
        ("America/New_York", "US", "NY"),
        ("Australia/Lord_Howe", "AU", "NSW"),
    ]
    zone, country, region = draw(st.sampled_from(places))
    official = Calendar(draw(st.sampled_from((SPLIT, NIGHT, ""))), zone, country, region)
    return draw(st.one_of(calendars(), st.just(official)))


@st.composite
def moments(draw: Callable, calendar: Calendar, *, days: int = 5) -> datetime:
    """Draw a moment to the second, within ``days`` of a change of the calendar's clocks."""
    change = draw(st.sampled_from(CHANGES[calendar.time_zone]))
    return change + timedelta(seconds=draw(st.integers(-days * 86_400, days * 86_400)))


def working(days: int = 6) -> st.SearchStrategy[timedelta]:
    """Draw an amount of working time to the second, none included."""
    return st.integers(0, days * 86_400).map(lambda seconds: timedelta(seconds=seconds))


def gaps(days: int = 6) -> st.SearchStrategy[timedelta]:
    """Draw a stretch of time between two things that happen."""
    return working(days)


priorities = st.sampled_from(PRIORITIES)
budgets = st.fixed_dictionaries({}, optional={name: st.integers(1, 3000) for name in PRIORITIES}).map(
    Budgets.from_json
)
