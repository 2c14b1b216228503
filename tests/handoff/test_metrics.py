"""The desk's metrics, as a scrape finds them."""

import pytest
from django.test import Client

from handoff.cases import actions
from handoff.models import SupportCase
from tests.handoff.support import ANNA, ask

pytestmark = pytest.mark.django_db(transaction=True)


def scraped(client: Client) -> dict[str, float]:
    lines = client.get("/metrics").content.decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if line.startswith("holdfast_cases")]
    return {name: float(value) for name, value in pairs}


def test_a_scrape_tells_what_customers_wait_for(client: Client):
    for number in range(3):
        found = ask(session_id=f"s{number}")
    actions.claim(found.case_id, actor=ANNA)
    SupportCase.objects.filter(status="open").update(attention_at="2020-01-01T00:00Z")
    figures = scraped(client)
    assert figures['holdfast_cases_live{status="open"}'] == 2
    assert figures['holdfast_cases_live{status="in_progress"}'] == 1
    assert figures["holdfast_cases_overdue"] == 2
    assert figures["holdfast_cases_unclaimed_oldest_seconds"] > 0


def test_a_desk_without_cases_has_figures_too(client: Client):
    assert scraped(client)["holdfast_cases_overdue"] == 0
