"""Figures that the relay counts as it goes, and flushes to Postgres about once a second.

They live in Postgres because a scrape meets any process on any host. A killed process loses the counts of its last
second; the rows themselves, from which pending, dead and parked are counted, lose nothing.
"""

from collections import Counter

from django.db import connection

LAG_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)  # seconds, upper bounds
FLUSH = """
INSERT INTO outbox_counter AS counter (destination, name, value)
SELECT %(destination)s, name, value FROM unnest(%(names)s, %(values)s::float8[]) AS given (name, value) ORDER BY name
ON CONFLICT (destination, name) DO UPDATE SET value = counter.value + excluded.value
"""


class Tally:
    """Counts by name for one destination: delivered, fenced, rescued, error:<code>, lag_sum, lag_le:<bound>."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self.counts: Counter[str] = Counter()

    def delivered(self, lag: float) -> None:
        """Count one delivery that took ``lag`` seconds from its event to the far end."""
        self.counts["delivered"] += 1
        self.counts["lag_sum"] += lag  # type: ignore[assignment]
        bound = next((bound for bound in LAG_BUCKETS if lag <= bound), None)
        self.counts[f"lag_le:{bound}" if bound is not None else "lag_le:inf"] += 1

    def add(self, name: str, amount: int = 1) -> None:
        if amount:
            self.counts[name] += amount

    def flush(self) -> None:
        """Add the counts to the table and start again from nothing."""
        if not self.counts:
            return
        counts, self.counts = self.counts, Counter()
        with connection.cursor() as cursor:
            cursor.execute(
                FLUSH,
                {
                    "destination": self.destination,
                    "names": list(counts),
                    "values": [float(v) for v in counts.values()],
                },
            )
