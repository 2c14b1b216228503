"""What Prometheus is told about the read cache, and what the ladder is told about reading history."""

from prometheus_client import Counter

from persistence.ladder import measure

LOOKUPS = Counter(
    "holdfast_history_cache",
    "Reads of history while the read cache is on, by what it was worth to them.",
    ["outcome"],
)
SECONDS = Counter("holdfast_history_seconds", "Time spent reading history, by where it was read.", ["source"])
HIT, MISS, POISONED, BYPASSED, UNAVAILABLE = map(
    LOOKUPS.labels, ("hit", "miss", "poisoned", "bypassed", "unavailable")
)
_postgres, _cache = SECONDS.labels("postgres"), SECONDS.labels("cache")


def read_from_postgres(seconds: float) -> None:
    """Count the time of one page that was read from Postgres."""
    _postgres.inc(seconds)
    measure.observe("history", seconds)


def read_from_cache(seconds: float) -> None:
    """Count the time of one page that the cache answered."""
    _cache.inc(seconds)
    measure.observe("cache", seconds)
