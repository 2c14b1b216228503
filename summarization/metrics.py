"""The nights for Prometheus, read from Postgres at the scrape: whether they come, and how the last one ended."""

from collections.abc import Iterator
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Where there was no night yet, the first conversation says since when there should have been one. All of it is read
# from the ends of indexes. The last night is the one that began last: a wrong clock may have begun one of a later date.
AGES = """
SELECT greatest(0, extract(epoch FROM clock_timestamp() - coalesce(
    (SELECT started_at FROM summarization_run WHERE kind = 'nightly' ORDER BY id DESC LIMIT 1),
    (SELECT created_at FROM persistence_conversation ORDER BY id LIMIT 1),
    clock_timestamp())))::float8,
  greatest(0, coalesce(extract(epoch FROM clock_timestamp() - (
    SELECT min(started_at) FROM summarization_run
    WHERE state IN ('planning', 'running') AND kind = 'nightly')), 0))::float8
"""
LAST = """
SELECT summarized, skipped, failed, remaining, state = 'stopped', seconds, cost_usd, tokens_in, tokens_out
FROM summarization_run WHERE kind = 'nightly' AND state IN ('finished', 'stopped') ORDER BY id DESC LIMIT 1
"""
OUTCOMES = ("summarized", "skipped", "failed", "remaining")


class SummariesCollector(Collector):
    """Yields how the nights stand; nothing when Postgres does not answer, which another metric says."""

    def collect(self) -> Iterator[Metric]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(AGES)
                age, open_for = cursor.fetchone()
                cursor.execute(LAST)
                last = cursor.fetchone() or (0,) * 9
        except (OperationalError, InterfaceError):
            connection.close()
            return
        yield GaugeMetricFamily(
            "holdfast_summary_night_age_seconds",
            "Since the last night began; before the first one, since the first conversation.",
            value=age,
        )
        yield GaugeMetricFamily(
            "holdfast_summary_night_open_seconds",
            "Since the oldest night began that has not ended; 0 where there is none.",
            value=open_for,
        )
        yield from _of_the_last(last)


def _of_the_last(last: tuple[Any, ...]) -> Iterator[Metric]:
    *counts, stopped, seconds, cost, tokens_in, tokens_out = last
    conversations = GaugeMetricFamily(
        "holdfast_summary_night_conversations",
        "Conversations of the last night that ended, by what became of them.",
        labels=["outcome"],
    )
    for outcome, count in zip(OUTCOMES, counts, strict=True):
        conversations.add_metric([outcome], count)
    yield conversations
    tokens = GaugeMetricFamily("holdfast_summary_night_tokens", "Tokens that it took.", labels=["direction"])
    tokens.add_metric(["in"], tokens_in)
    tokens.add_metric(["out"], tokens_out)
    yield tokens
    for name, text, value in (
        ("stopped", "1 when it stopped before it was through, as when its budget was spent.", stopped),
        ("duration_seconds", "How long it took.", seconds),
        ("cost_usd", "What it cost.", cost),
    ):
        yield GaugeMetricFamily(f"holdfast_summary_night_{name}", text, value=float(value))
