"""Opening hours and public holidays as the two libraries read them; their errors are translated here, once.

The week is written as OpenStreetMap writes it (https://wiki.openstreetmap.org/wiki/Key:opening_hours) and evaluated by
opening-hours-py, time zone and clock changes included. The dates of public holidays come from python-holidays, which
knows regions and moved ("observed") days, and are added to the week as closed days. Why two: docs/decisions.
"""

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import opening_hours
from opening_hours import OpeningHours

MAX_HOURS = 500
EXAMPLE = "Mo-Fr 09:00-13:00,14:00-18:00; Sa 10:00-12:00"

# Not strftime: OpenStreetMap's months are English whatever the locale of the process.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# The library takes these and then quietly guesses: a place on the globe, an empty list of school holidays, a desk that
# is open all year with a remark. Each would promise hours that nobody keeps.
_REFUSED = (
    (r"\b(?:PH|SH)\b", "Leave PH and SH out: naming a country closes its public holidays."),
    (
        r"\b(?:sunrise|sunset|dawn|dusk)\b",
        "Write times such as 09:00 in place of sunrise, sunset, dawn and dusk.",
    ),
    (r'"|\bunknown\b', "Write only hours that are kept: no remarks in quotes and no 'unknown'."),
)


class BadCalendar(ValueError):
    """A calendar cannot be used as written. ``field`` is hours, time_zone, country, subdivision or extra_closed."""

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message
        super().__init__(f"{field}: {message}")


def check(hours: str, time_zone: str, country: str, subdivision: str) -> None:
    """Raise ``BadCalendar`` naming the first field that cannot be used."""
    _check_zone(time_zone)
    _check_hours(hours, time_zone)
    _check_country(country, subdivision)


@lru_cache(maxsize=256)
def opening_rules(hours: str, time_zone: str, closed: tuple[date, ...]) -> OpeningHours:
    """Return the week with ``closed`` days taken out, each from midnight to midnight of the calendar's own zone."""
    days = ",".join(f"{day.year} {_MONTHS[day.month - 1]} {day.day:02}" for day in closed)
    return _read(f"{hours or '24/7'}; {days} off" if days else hours or "24/7", time_zone)


@lru_cache(maxsize=256)
def public_holidays(country: str, subdivision: str, first_year: int, last_year: int) -> tuple[date, ...]:
    """Return the public holidays of both years and all between, in order, those moved off a weekend included."""
    if not country:
        return ()
    years = range(first_year, last_year + 1)
    return tuple(sorted(holidays.country_holidays(country, subdiv=subdivision or None, years=years)))


def closed_days(days: Iterable[date], first_year: int, last_year: int) -> list[date]:
    """Return those of ``days`` that matter in the years given: the fewer rules, the faster."""
    return [day for day in days if first_year <= day.year <= last_year]


def _read(hours: str, time_zone: str) -> OpeningHours:
    return OpeningHours(hours, timezone=ZoneInfo(time_zone))


def _check_zone(time_zone: str) -> None:
    try:
        _read("24/7", time_zone)
    # ZoneInfo lets everything out that its search for a file may raise; the library's own list refuses with TypeError.
    except (KeyError, ValueError, OSError, TypeError):
        raise BadCalendar(
            "time_zone", f"There is no time zone {time_zone!r}. Use a name such as Europe/Lisbon."
        ) from None


def _check_hours(hours: str, time_zone: str) -> None:
    if len(hours) > MAX_HOURS:
        raise BadCalendar("hours", f"The text is too long: {len(hours)} characters of at most {MAX_HOURS}.")
    strange = next((sign for sign in hours if not " " <= sign <= "~"), None)
    if strange is not None:
        raise BadCalendar(
            "hours", f"The sign {strange!r} has no place here. Use plain text such as {EXAMPLE}"
        )
    for pattern, advice in _REFUSED:
        if re.search(pattern, hours, re.IGNORECASE):
            raise BadCalendar("hours", advice)
    try:
        _read(hours or "24/7", time_zone)
    except opening_hours.ParserError as error:  # type: ignore[attr-defined]
        raise BadCalendar("hours", f"Not understood{_position(error)}. Use the form {EXAMPLE}") from None


def _position(error: Exception) -> str:
    found = re.search(r"--> \d+:(\d+)", str(error))
    return f" from character {found[1]} on" if found else ""


def _check_country(country: str, subdivision: str) -> None:
    if subdivision and not country:
        raise BadCalendar("subdivision", "A subdivision needs its country: fill in both, or neither.")
    if country and not _known(country, ""):
        raise BadCalendar(
            "country", f"No public holidays are known for {country!r}. Use a two-letter code such as PT."
        )
    if subdivision and not _known(country, subdivision):
        known = ", ".join(holidays.country_holidays(country).subdivisions) or "none"
        raise BadCalendar("subdivision", f"{country} has no subdivision {subdivision!r}. Known: {known}.")


def _known(country: str, subdivision: str) -> bool:
    # The library also answers to names of classes and of its own helpers; only codes are meant here.
    if not re.fullmatch(r"[A-Z]{2}", country):
        return False
    try:
        holidays.country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError:
        return False
    return True
