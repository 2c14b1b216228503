"""What Redis did for us, and whether it is out, as this process sees it."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter(
    "holdfast_hot_calls", "Calls to Redis as hot storage, by what became of them.", ["operation", "outcome"]
)
SECONDS = Histogram(
    "holdfast_hot_seconds",
    "Time that callers spent on Redis as hot storage, answered or not.",
    buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1),
)
OUT = Gauge(
    "holdfast_hot_out", "1 while Redis is kept out after a failure, 0 otherwise.", multiprocess_mode="livemax"
)


def observe(operation: str, outcome: str, seconds: float) -> None:
    """Count a call."""
    _calls(operation, outcome).inc()
    SECONDS.observe(seconds)


@cache
def _calls(operation: str, outcome: str) -> Counter:
    return CALLS.labels(operation, outcome)
