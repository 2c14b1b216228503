"""What Prometheus scrapes: this web process' turns, and the outbox as Postgres knows it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

from outbox.metrics import OutboxCollector
from persistence.errors import HoldfastError

TURNS = Counter("holdfast_turns", "Turns asked to be stored, by what became of them.", ["outcome"])
SECONDS = Histogram(
    "holdfast_turn_seconds",
    "Time from a checked request to its commit or refusal.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
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


def metrics(_: HttpRequest) -> HttpResponse:
    """Answer a scrape. Without Postgres it still answers, with ``holdfast_postgres_up 0``."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        text = generate_latest(registry)
    else:
        text = generate_latest(REGISTRY)
    outbox = CollectorRegistry()
    outbox.register(OutboxCollector())
    return HttpResponse(text + generate_latest(outbox), content_type=CONTENT_TYPE_LATEST)
