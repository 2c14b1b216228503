"""What Prometheus scrapes: this web process' turns, and what every storey reads from Postgres."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from persistence.errors import HoldfastError

TURNS = Counter("holdfast_turns", "Turns asked to be stored, by what became of them.", ["outcome"])
SECONDS = Histogram(
    "holdfast_turn_seconds",
    "Time from a checked request to its commit or refusal.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# Read through the index of what is open.
OPEN_ERASURES = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(requested_at)), 0)::float8
FROM persistence_erasure_record WHERE finished_at IS NULL
"""


class ErasuresCollector(Collector):
    """Yields how many erasures still have objects off-box; nothing when Postgres does not answer."""

    def collect(self) -> Iterator[Metric]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(OPEN_ERASURES)
                count, seconds = cursor.fetchone()
        except (OperationalError, InterfaceError):
            connection.close()
            return
        yield GaugeMetricFamily(
            "holdfast_erasures_open", "Erasures of which something may still lie off-box.", value=count
        )
        yield GaugeMetricFamily(
            "holdfast_erasures_oldest_seconds",
            "Age of the oldest of them; 0 when there is none.",
            value=max(0.0, seconds),
        )


@contextmanager
def observed_turn() -> Iterator[Callable[[str], None]]:
    """Time a turn and count its outcome: what the block says, or the code of the error that ended it."""
    began = time.perf_counter()
    outcome = ["error"]
    try:
        yield lambda said: outcome.__setitem__(0, said)
    except HoldfastError as error:
        outcome[0] = error.code
        raise
    finally:
        SECONDS.observe(time.perf_counter() - began)
        TURNS.labels(outcome[0]).inc()


def metrics_view(*collectors: type[Collector]) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view that answers a scrape with this web process' turns, the erasures and what the collectors find.

    Without Postgres it still answers, with ``holdfast_postgres_up 0``.
    """

    def metrics(_: HttpRequest) -> HttpResponse:
        found = CollectorRegistry()
        for collector in collectors:
            found.register(collector())
        found.register(ErasuresCollector())
        return HttpResponse(own_metrics() + generate_latest(found), content_type=CONTENT_TYPE_LATEST)

    return metrics


def own_metrics() -> bytes:
    """Return what this process, or all processes of this web server, counted."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
    return generate_latest(REGISTRY)
