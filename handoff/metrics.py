"""The desk for Prometheus, read from Postgres at the scrape: what customers were promised and still wait for."""

from collections.abc import Iterator

from django.db import InterfaceError, OperationalError, connection
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from handoff.models.cases import LIVE

# Over the live cases alone, through their partial indexes: ended ones cost nothing.
FIGURES = """
SELECT status, count(*), count(*) FILTER (WHERE attention_at < now()),
       coalesce(extract(epoch FROM now() - min(opened_at) FILTER (WHERE assignee = '' AND status = 'open')), 0)::float8
FROM handoff_case WHERE status IN ('pending_consent', 'open', 'in_progress', 'waiting_customer') GROUP BY status
"""


class CasesCollector(Collector):
    """Yields the desk's metrics; nothing when Postgres does not answer, which another metric says."""

    def collect(self) -> Iterator[Metric]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(FIGURES)
                rows = {
                    status: (live, overdue, oldest) for status, live, overdue, oldest in cursor.fetchall()
                }
        except (OperationalError, InterfaceError):
            connection.close()
            return
        live = GaugeMetricFamily("holdfast_cases_live", "Cases that have not ended.", labels=["status"])
        for status in LIVE:
            live.add_metric([status], rows.get(status, (0, 0, 0))[0])
        yield live
        yield GaugeMetricFamily(
            "holdfast_cases_overdue",
            "Live cases past their earliest due time.",
            value=sum(overdue for _, overdue, _ in rows.values()),
        )
        yield GaugeMetricFamily(
            "holdfast_cases_unclaimed_oldest_seconds",
            "Age of the oldest open case that nobody has.",
            value=max((oldest for _, _, oldest in rows.values()), default=0),
        )
