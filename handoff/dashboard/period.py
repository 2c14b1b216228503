"""How the last seven days went: what came, what was resolved, how fast, and how often as promised."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from handoff.dashboard.scope import (
    DAYS,
    ENDED,
    FIRST_JUDGED,
    FIRST_MET,
    MOST,
    OPENED,
    RESOLUTION_JUDGED,
    RESOLUTION_MET,
    SERVED,
    Scope,
)

FIRST = "found.first_responded_at - found.opened_at"
RESOLUTION = f"CASE WHEN {SERVED} THEN found.closed_at - found.opened_at END"
COUNTS = """
WITH found AS MATERIALIZED (SELECT found.*, (found.{at} AT TIME ZONE 'UTC')::date AS day {source})
SELECT day, count(*) FILTER (WHERE {counted}),
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM {took})),
       count(*) FILTER (WHERE {judged}), count(*) FILTER (WHERE {judged} AND {met}),
       count(*) FILTER (WHERE {counted} AND found.reopened > 0),
       (SELECT max(of_domain) FROM (SELECT count(*) AS of_domain FROM found GROUP BY domain) AS counted)
FROM found GROUP BY GROUPING SETS ((day), ())
"""
# The size of the largest domain is counted beside, to say whether the figures were cut.
OPENED_SQL = COUNTS.format(
    at="opened_at", counted="true", took=FIRST, judged=FIRST_JUDGED, met=FIRST_MET, source=OPENED
)
ENDED_SQL = COUNTS.format(
    at="closed_at",
    counted=SERVED,
    took=RESOLUTION,
    judged=RESOLUTION_JUDGED,
    met=RESOLUTION_MET,
    source=ENDED,
)


@dataclass(frozen=True, slots=True)
class Took:
    """How many cases, and how long they took: the median and the 90th percentile, None where there are none."""

    count: int = 0
    p50: timedelta | None = None
    p90: timedelta | None = None
    judged: int = 0
    met: int = 0
    reopened: int = 0

    @property
    def kept(self) -> float | None:
        """Return the share of promises that were kept, from 0 to 1."""
        return self.met / self.judged if self.judged else None

    @property
    def reopen_rate(self) -> float | None:
        """Return the share that had been taken up again, from 0 to 1."""
        return self.reopened / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Period:
    """``first``: cases opened in the period, and their first response; ``resolution``: those resolved in it."""

    days: list[date]
    first: Took
    resolution: Took
    first_by_day: dict[date, Took]
    resolution_by_day: dict[date, Took]
    capped: bool


def period(scope: Scope) -> Period:
    """Count the last seven days (UTC), today included. Two statements."""
    first, first_by_day, opened_most = _read(scope.rows(OPENED_SQL))
    resolution, resolution_by_day, ended_most = _read(scope.rows(ENDED_SQL))
    begin = scope.since.date()
    return Period(
        [begin + timedelta(days=number) for number in range(DAYS)],
        first,
        resolution,
        first_by_day,
        resolution_by_day,
        max(opened_most, ended_most) >= MOST,
    )


def _read(rows: list[tuple[Any, ...]]) -> tuple[Took, dict[date, Took], int]:
    whole, by_day, most = Took(), {}, 0
    for day, count, spans, judged, met, reopened, largest in rows:
        p50, p90 = (_span(seconds) for seconds in spans or (None, None))
        took = Took(count, p50, p90, judged, met, reopened)
        most = largest or 0
        if day is None:
            whole = took
        else:
            by_day[day] = took
    return whole, by_day, most


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=float(seconds))
