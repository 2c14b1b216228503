"""The outbox for Prometheus. Every figure is read from Postgres at the scrape, so it is true without a broker."""

import math
from collections.abc import Iterator
from itertools import accumulate

from django.db import InterfaceError, OperationalError, connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from outbox.selectors import counters, status
from outbox.tally import LAG_BUCKETS

GAUGES = {
    "pending": "Deliveries that wait to be sent.",
    "leased": "Lanes in a worker's hands.",
    "dead": "Deliveries that were given up and wait for an operator.",
    "parked": "Deliveries that wait for an operator.",
    "parked_lanes": "Lanes that wait for an operator.",
    "retrying": "Pending deliveries that have failed at least once.",
    "oldest_due_seconds": "Age of the oldest event that is still pending.",
    "asleep_with_pending": "Lanes that sleep although something waits in them. Must be 0.",
}
COUNTERS = {
    "delivered": "Deliveries that arrived.",
    "fenced": "Lanes that another worker had taken over before they could be settled.",
    "rescued": "Lanes freed after their worker died or hung.",
    "poisoned": "Lanes parked because their workers died again and again.",
    "woken": "Lanes woken by the reconciler. Must stay 0.",
}


class OutboxCollector(Collector):
    """Yields the outbox's metrics; when Postgres does not answer, only that it does not."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("holdfast_postgres_up", "1 when Postgres answered this scrape.")
        try:
            found, counted = status(), counters()
        except (OperationalError, InterfaceError):
            connection.close()
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        for name, text in GAUGES.items():
            gauge = GaugeMetricFamily(f"holdfast_outbox_{name}", text, labels=["destination"])
            for destination, figures in found.items():
                gauge.add_metric([destination], figures[name])
            yield gauge
        resting = GaugeMetricFamily(
            "holdfast_outbox_stopped", "1 while nothing is sent.", labels=["destination"]
        )
        for destination, figures in found.items():
            resting.add_metric([destination], 0 if figures["state"] == "ok" else 1)
        yield resting
        yield from _counted({name: counted.get(name, {}) for name in {**found, **counted}})


def _counted(counted: dict[str, dict[str, float]]) -> Iterator[Metric]:
    for name, text in COUNTERS.items():
        counter = CounterMetricFamily(f"holdfast_outbox_{name}", text, labels=["destination"])
        for destination, values in counted.items():
            counter.add_metric([destination], values.get(name, 0))
        yield counter
    errors = CounterMetricFamily(
        "holdfast_outbox_errors", "Attempts that failed.", labels=["destination", "code"]
    )
    lag = HistogramMetricFamily(
        "holdfast_outbox_lag_seconds", "From commit to arrival.", labels=["destination"]
    )
    for destination, values in counted.items():
        for name, value in values.items():
            if name.startswith("error:"):
                errors.add_metric([destination, name.removeprefix("error:")], value)
        lag.add_metric([destination], _buckets(values), values.get("lag_sum", 0))
    yield errors
    yield lag


def _buckets(values: dict[str, float]) -> list[tuple[str, float]]:
    """Return cumulative buckets as Prometheus wants them."""
    bounds = (*LAG_BUCKETS, math.inf)
    sums = accumulate(values.get(f"lag_le:{bound}", 0) for bound in bounds)
    names = ("+Inf" if bound == math.inf else str(float(bound)) for bound in bounds)
    return list(zip(names, sums, strict=True))
