"""Business calendars: how much working time lies between two instants, and when so much of it has passed.

Every instant is an aware datetime; answers are in UTC. Clock changes are the library's business: a night shift over
the spring change is an hour shorter, over the autumn change an hour longer, as it is for the people who work it. Hours
that begin or end inside an hour that the clocks skip or repeat begin or end when that hour is over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from opening_hours import OpeningHours, State

from handoff.sla import rules
from handoff.sla.rules import BadCalendar as BadCalendar

HORIZON_YEARS = 5
HORIZON = timedelta(days=366 * HORIZON_YEARS)  # how far ahead an opening is looked for

# The library starts with the wall clock of the first instant it is given and cannot tell the two passes of a repeated
# hour apart. Starting it days earlier keeps that doubt away from every instant that is asked about.
_LEAD_IN = timedelta(days=3)

# Its instants need a zone with a name, which ``datetime.UTC`` has not.
_NAMED_UTC = ZoneInfo("UTC")


class NeverOpens(Exception):
    """The calendar holds less working time than was asked for, within ``HORIZON`` of the start."""


@dataclass(frozen=True)
class Calendar:
    """When a team works.

    ``hours`` is OpenStreetMap's opening_hours, such as ``Mo-Fr 09:00-13:00,14:00-18:00``; empty is day and night.
    ``country`` (ISO 3166-1, two letters) and ``subdivision`` (its code without the country) close public holidays,
    ``extra_closed`` further days. A closed day is closed from midnight to midnight of ``time_zone``: a night shift
    that began the evening before ends at that midnight. Raises ``BadCalendar`` naming the field that cannot be used.
    """

    hours: str
    time_zone: str = "UTC"
    country: str = ""
    subdivision: str = ""
    extra_closed: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "hours", self.hours.strip())
        object.__setattr__(self, "extra_closed", tuple(sorted(self.extra_closed)))
        rules.check(self.hours, self.time_zone, self.country, self.subdivision)

    def add(self, start: datetime, working: timedelta) -> datetime:
        """Return the first instant at which ``working`` time has passed since ``start``; no time at all is ``start``.

        A budget that ends with the day is due at closing time, not at the next opening. Raises ``NeverOpens``, and
        ``ValueError`` for negative time and for a datetime without a zone.
        """
        start, left = _utc(start), working
        if left < timedelta(0):
            raise ValueError("Working time is added, never taken away.")
        if not left or self._day_and_night:
            return start + left
        for begins, ends in self._openings(start, start + HORIZON):
            if ends - begins >= left:
                return begins + left
            left -= ends - begins
        raise NeverOpens(
            f"'{self.hours}' has too few hours in the {HORIZON_YEARS} years after {start:%Y-%m-%d}."
        )

    def between(self, a: datetime, b: datetime) -> timedelta:
        """Return the working time from ``a`` to ``b``; negative when ``b`` comes first."""
        a, b = _utc(a), _utc(b)
        if b < a:
            return -self.between(b, a)
        if self._day_and_night:
            return b - a
        return sum((ends - begins for begins, ends in self._openings(a, b)), timedelta(0))

    def is_open(self, at: datetime) -> bool:
        """Say whether people work at this instant; at closing time they do not any more."""
        return any(self._openings(_utc(at), _utc(at) + timedelta.resolution))

    def next_opening(self, at: datetime) -> datetime | None:
        """Return ``at`` itself while open, else the next opening; None where there is none within ``HORIZON``."""
        return next((begins for begins, _ in self._openings(_utc(at), _utc(at) + HORIZON)), None)

    def must_open(self, now: datetime) -> None:
        """Raise ``BadCalendar`` for hours that never come, so that a form can refuse what would promise nothing."""
        if self.next_opening(now) is None:
            raise BadCalendar("hours", f"These hours never open in the next {HORIZON_YEARS} years.")

    @property
    def _day_and_night(self) -> bool:
        return self.hours in ("", "24/7") and not self.country and not self.extra_closed

    def _openings(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield what is open from ``start`` to ``end``, in order, cut to both."""
        opening = self._rules(start.year - 1, max(start.year + HORIZON_YEARS, end.year) + 1)
        first, last = (at.astimezone(_NAMED_UTC) for at in (start - _LEAD_IN, end + _LEAD_IN))
        for begins, ends, state, _ in opening.intervals(first, last):
            begins, ends = max(begins.astimezone(UTC), start), min(ends.astimezone(UTC), end)
            # An opening that lies in a skipped hour altogether comes with no length.
            if state == State.OPEN and begins < ends:
                yield begins, ends

    def _rules(self, first_year: int, last_year: int) -> OpeningHours:
        public = rules.public_holidays(self.country, self.subdivision, first_year, last_year)
        extra = rules.closed_days(self.extra_closed, first_year, last_year)
        return rules.opening_rules(self.hours, self.time_zone, tuple(sorted({*public, *extra})))


ALWAYS = Calendar("")


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("A datetime without a zone names no instant: pass an aware one.")
    return at.astimezone(UTC)
