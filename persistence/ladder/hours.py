"""What the processes reported, added up over a window."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from persistence.ladder.histogram import quantile

HOURS = """
SELECT process.backend, hour.hour, hour.counts, hour.database_first, hour.database_last
FROM persistence_process_hour AS hour JOIN persistence_process_figures AS process USING (process_id)
WHERE hour.hour > %(since)s - interval '1 hour' AND hour.hour <= %(until)s ORDER BY hour.hour
"""


@dataclass(slots=True)
class Durations:
    """All durations of one kind."""

    seconds: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return sum(self.buckets.values())

    @property
    def mean(self) -> float | None:
        """Seconds; None when nothing was measured."""
        return self.seconds / self.count if self.count else None

    def milliseconds(self, part: float) -> float | None:
        """Return a quantile in milliseconds; None when nothing was measured."""
        found = quantile(self.buckets, part)
        return None if found is None else round(found * 1000, 3)

    def add(self, seconds: float, buckets: dict[str, int]) -> None:
        self.seconds += seconds
        for number, times in buckets.items():
            self.buckets[int(number)] += times


@dataclass(slots=True)
class Measured:
    """What was measured in a window. Session state counts under the backend that it was kept in.

    ``worked`` is for how many seconds Postgres worked on this database, by its own statistics; None when nobody noted
    it. ``counted`` is by kind and hour.
    """

    kinds: defaultdict[str, Durations] = field(default_factory=lambda: defaultdict(Durations))
    state: defaultdict[tuple[str, str], Durations] = field(default_factory=lambda: defaultdict(Durations))
    counted: defaultdict[str, Counter[datetime]] = field(default_factory=lambda: defaultdict(Counter))
    events: Counter[str] = field(default_factory=Counter)
    worked: float | None = None

    @property
    def since(self) -> datetime | None:
        """The first hour of which anything is known."""
        return min((hour for hours in self.counted.values() for hour in hours), default=None)

    def peak(self, kind: str, until: datetime) -> tuple[float, datetime | None]:
        """Return the most of a kind per second over one hour, and which hour that was."""
        rates = {
            hour: times / min(3600.0, max(60.0, (until - hour).total_seconds()))
            for hour, times in self.counted[kind].items()
        }
        busiest = max(rates, key=lambda hour: rates[hour], default=None)
        return (round(rates[busiest], 3), busiest) if busiest else (0.0, None)


def measured(since: datetime, until: datetime) -> Measured:
    """Add up what all processes reported between two moments, in whole hours."""
    found = Measured()
    with connection.cursor() as cursor:
        cursor.execute(HOURS, {"since": since, "until": until})
        rows = cursor.fetchall()
    for backend, hour, counts, _, _ in rows:
        _add(found, backend, hour, json.loads(counts))
    found.worked = _worked([(hour, first, last) for _, hour, _, first, last in rows if last is not None])
    return found


def _add(found: Measured, backend: str, hour: datetime, counts: dict[str, Any]) -> None:
    found.events.update(counts.pop("events", {}))
    for kind, given in counts.items():
        durations = found.state[backend, kind] if kind.startswith("state_") else found.kinds[kind]
        durations.add(given["seconds"], given["buckets"])
        found.counted[kind][hour] += sum(given["buckets"].values())


def _worked(rows: list[tuple[datetime, float, float]]) -> float | None:
    """Return by how much Postgres' own count grew. It only grows, but for a reset, after which it begins at 0."""
    spans: dict[datetime, tuple[float, float]] = {}
    for hour, first, last in rows:
        lowest, highest = spans.get(hour, (first, last))
        spans[hour] = min(lowest, first), max(highest, last)
    total, before = 0.0, None
    for _, (lowest, highest) in sorted(spans.items()):
        begin = lowest if before is None else before
        total += highest - begin if highest >= begin else highest
        before = highest
    return total if spans else None
