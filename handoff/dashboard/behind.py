"""The cases behind a number: the same cases that it counted, the worst first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from handoff.dashboard.live import AGE, AGES
from handoff.dashboard.scope import (
    ENDED,
    FIRST_JUDGED,
    FIRST_MET,
    LIVE,
    OPENED,
    RESOLUTION_JUDGED,
    RESOLUTION_MET,
    SERVED,
    Scope,
)

SHOWN = 200
TOOK_FIRST = "extract(epoch FROM found.first_responded_at - found.opened_at)"
TOOK_ALL = "extract(epoch FROM found.closed_at - found.opened_at)"
OPEN_FOR = "extract(epoch FROM %(now)s - found.opened_at)"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the dashboard: which cases it counts, what was measured of each, and in what order they come."""

    title: str
    measure: str  # the heading of what was measured
    source: str
    condition: str
    value: str  # SQL for the seconds that were measured


FIGURES: dict[str, Figure] = {
    "live": Figure("Open now", "open for", LIVE, "true", OPEN_FOR),
    "opened": Figure("Opened", "first response after", OPENED, "true", TOOK_FIRST),
    "first_response": Figure(
        "First responses", "first response after", OPENED, "found.first_responded_at IS NOT NULL", TOOK_FIRST
    ),
    "first_missed": Figure(
        "First response not given in time",
        "first response after",
        OPENED,
        f"{FIRST_JUDGED} AND NOT {FIRST_MET}",
        TOOK_FIRST,
    ),
    "resolved": Figure("Resolved", "resolved after", ENDED, SERVED, TOOK_ALL),
    "resolution_missed": Figure(
        "Not resolved in time",
        "resolved after",
        ENDED,
        f"{RESOLUTION_JUDGED} AND NOT ({RESOLUTION_MET})",
        TOOK_ALL,
    ),
    "reopened": Figure(
        "Resolved after they had been taken up again",
        "resolved after",
        ENDED,
        f"{SERVED} AND found.reopened > 0",
        TOOK_ALL,
    ),
}
SQL = """
SELECT found.id, found.case_id, found.domain, found.priority, found.status, found.assignee,
       coalesce(found.reason_codes ->> 0, 'unclassified'), found.opened_at, {value} AS took
{source} WHERE {condition}
  AND (%(priority)s = '' OR found.priority = %(priority)s)
  AND (%(age)s IS NULL OR {age} = %(age)s)
  AND (%(day)s::date IS NULL OR ({at} AT TIME ZONE 'UTC')::date = %(day)s)
  AND (%(reason)s = '' OR coalesce(found.reason_codes ->> 0, 'unclassified') = %(reason)s)
ORDER BY took DESC NULLS FIRST, found.id LIMIT %(shown)s
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One case behind a figure."""

    pk: int
    case_id: UUID
    domain: str
    priority: str
    status: str
    assignee: str
    reason: str
    opened_at: datetime
    took: timedelta | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which number was clicked on. Whatever makes no sense in a link is left out."""

    figure: Figure
    priority: str = ""
    age: int | None = None
    day: date | None = None
    reason: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Asked | None":
        """Return what the address asks for, or None where it names no figure."""
        figure = FIGURES.get(given.get("figure", ""))
        if figure is None:
            return None
        age = given.get("age", "")
        return cls(
            figure,
            priority=_plain(given.get("priority", "")),
            age=int(age) if age in {str(number) for number in range(len(AGES))} else None,
            day=_day(given.get("day", "")),
            reason=_plain(given.get("reason", "")),
        )

    @property
    def title(self) -> str:
        """Return the heading of the list, with what it is narrowed to."""
        narrowed = (self.priority, AGES[self.age][0] if self.age is not None else "", self.reason)
        words = [self.figure.title, *filter(None, narrowed), *([f"{self.day:%a %d %b}"] if self.day else [])]
        return ", ".join(words)


def behind(scope: Scope, asked: Asked) -> list[Case]:
    """Return up to SHOWN cases of the number that was clicked on. One statement."""
    figure = asked.figure
    at = "found.closed_at" if figure.source is ENDED else "found.opened_at"
    sql = SQL.format(value=figure.value, source=figure.source, condition=figure.condition, age=AGE, at=at)
    given: dict[str, Any] = {
        "priority": asked.priority,
        "age": asked.age,
        "day": asked.day,
        "reason": asked.reason,
        "shown": SHOWN,
    }
    return [
        Case(*(*facts, None if seconds is None else timedelta(seconds=float(seconds))))
        for *facts, seconds in scope.rows(sql, **given)
    ]


def _plain(text: str) -> str:
    return text.replace("\x00", "")[:100]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
