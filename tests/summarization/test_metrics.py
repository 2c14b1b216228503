"""The nights' metrics, as a scrape finds them."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from summarization.models import SummaryRun
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3600.0


def scraped(client: Client) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    found = [line.rsplit(" ", 1) for line in lines if line.startswith("holdfast_summary_night_")]
    return {name.removeprefix("holdfast_summary_night_"): float(value) for name, value in found}


def night(day: int, *, hours_ago: float, **more: Any) -> SummaryRun:
    given = {"kind": "nightly", "state": "finished", "backend": "extractive", "as_of": timezone.now()} | more
    return SummaryRun.objects.create(
        run_id=uuid4(),
        night=date(2026, 3, day) if given["kind"] == "nightly" else None,
        started_at=timezone.now() - timedelta(hours=hours_ago),
        **given,
    )


def test_where_nothing_was_ever_said_no_night_is_missed(client: Client) -> None:
    assert set(scraped(client).values()) == {0.0}


def test_before_the_first_night_its_age_is_that_of_the_first_conversation(client: Client) -> None:
    say()
    assert scraped(client)["age_seconds"] > 0


def test_the_last_night_that_ended_is_told_in_full(client: Client) -> None:
    night(1, hours_ago=30, summarized=99, state="stopped")
    night(
        2, hours_ago=6, summarized=40, skipped=5, failed=2, remaining=1, tokens_in=900, tokens_out=80,
        cost_usd="1.25", seconds=12.5, state="stopped",
    )  # fmt: skip
    night(3, hours_ago=1, state="running", summarized=7)
    found = scraped(client)
    assert {
        name: found[f'conversations{{outcome="{name}"}}']
        for name in ("summarized", "skipped", "failed", "remaining")
    } == {"summarized": 40, "skipped": 5, "failed": 2, "remaining": 1}
    assert (found['tokens{direction="in"}'], found['tokens{direction="out"}']) == (900, 80)
    assert (found["stopped"], found["cost_usd"], found["duration_seconds"]) == (1, 1.25, 12.5)


def test_a_night_under_way_has_an_age_and_one_that_ended_has_none(client: Client) -> None:
    night(1, hours_ago=5)
    assert scraped(client)["open_seconds"] == 0
    night(2, hours_ago=3, state="planning")
    found = scraped(client)
    assert 3 * HOUR <= found["open_seconds"] < 4 * HOUR
    assert 3 * HOUR <= found["age_seconds"] < 4 * HOUR


def test_a_night_of_a_far_date_that_a_wrong_clock_began_is_not_the_last_one_for_ever(client: Client) -> None:
    night(30, hours_ago=50, summarized=99)
    night(2, hours_ago=5, summarized=7)
    found = scraped(client)
    assert 5 * HOUR <= found["age_seconds"] < 6 * HOUR
    assert found['conversations{outcome="summarized"}'] == 7


def test_a_run_that_somebody_started_by_hand_is_no_night(client: Client) -> None:
    night(1, hours_ago=30)
    night(2, hours_ago=2, kind="command", state="running", summarized=3)
    found = scraped(client)
    assert found["age_seconds"] >= 30 * HOUR
    assert found["open_seconds"] == 0
