"""Session state for Prometheus: how often Postgres stood in, and how write-behind stands at the scrape."""

from collections.abc import Iterator

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from persistence.hot.client import hot
from persistence.hot.errors import HotUnavailable
from persistence.session.behind.figures import Kept, kept_figures, waiting_figures

FALLBACKS = Counter(
    "holdfast_session_state_fallbacks",
    "Times that Postgres stood in because Redis did not do it.",
    ["operation"],
)


class StatesCollector(Collector):
    """Yields how write-behind stands. What cannot be asked for now is left out; Redis has no more than its budget."""

    def collect(self) -> Iterator[Metric]:
        try:
            kept = kept_figures()
        except (OperationalError, InterfaceError):
            connection.close()
            kept = None
        yield from _of_postgres(kept)
        domains = {*settings.SESSION_STATE_REDIS_FIRST_DOMAINS, *(kept.applied if kept else ())}
        # A Redis that holds nothing of ours is not asked.
        if settings.SESSION_STATE_BACKEND == "redis-first" or domains:
            yield from _of_redis(domains)


def _of_postgres(kept: Kept | None) -> Iterator[Metric]:
    if kept is None:
        return
    yield GaugeMetricFamily(
        "holdfast_session_states_unhealed",
        "States written while Redis was out, and not told to Redis yet.",
        value=kept.unhealed,
    )
    parked = GaugeMetricFamily(
        "holdfast_session_writes_parked",
        "Acknowledged writes that could not be applied and wait for an operator.",
        labels=["domain"],
    )
    for domain in {**kept.applied, **kept.parked}:
        parked.add_metric([domain], kept.parked.get(domain, 0))
    yield parked


def _of_redis(domains: set[str]) -> Iterator[Metric]:
    try:
        found = hot().call(lambda redis: waiting_figures(redis, domains), operation="figures")
    except HotUnavailable:
        return
    pending = GaugeMetricFamily(
        "holdfast_session_writes_pending",
        "Writes that Redis acknowledged and Postgres does not have yet.",
        labels=["domain"],
    )
    oldest = GaugeMetricFamily(
        "holdfast_session_writes_oldest_seconds", "Age of the oldest of them.", labels=["domain"]
    )
    for domain, waiting in found.items():
        pending.add_metric([domain], waiting.pending)
        oldest.add_metric([domain], waiting.oldest_seconds)
    yield pending
    yield oldest
