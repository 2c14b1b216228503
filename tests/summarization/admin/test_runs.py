"""Nights: how far they came, what is left, and the button that stops one."""

import re
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry

from summarization.models import SummaryItem, SummaryRun
from tests.admin_support import signed_in
from tests.summarization.admin.kit import RUNS, failed, night, run
from tests.summarization.support import conversation, plan

pytestmark = pytest.mark.django_db(transaction=True)
VIEW, STOP = "summarization.view_summaryrun", "summarization.change_summaryrun"


def page(client, found: SummaryRun, part: str = "change") -> str:
    response = client.get(f"{RUNS}{found.pk}/{part}/")
    assert response.status_code == 200
    return unescape(response.content.decode())


def figures(shown: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(?:<bdi>)?([^<]+?)(?:</bdi>)?</dt><dd>(?:<bdi>)?([^<]*)", shown))


def test_a_night_that_cost_next_to_nothing_was_not_free():
    assert figures(page(signed_in(VIEW), night(cost_usd="0.001")))["Money"] == "$0.0010 of $10.00"


def test_a_night_that_has_ended_says_what_came_of_it_and_what_to_do():
    shown = page(signed_in(VIEW), night())
    found = figures(shown)
    assert (found["Summarised"], found["Failed"], found["Skipped"], found["Remaining"]) == (
        "7",
        "1",
        "2",
        "0",
    )
    assert (found["too_short"], found["bad_json"], found["Money"]) == ("2", "1", "$0.25 of $10.00")
    assert "10 of 10 looked at" in shown and "20 November 2026 in Europe/Lisbon" in shown
    assert "tries again" in shown and "outages not counted" in shown
    assert "Stop this night" not in shown and "data-live" not in shown


@pytest.mark.parametrize(
    ("because", "said"),
    [
        ("operator", "An operator stopped it."),
        ("budget_usd", "SUMMARY_BUDGET_USD"),
        ("budget_minutes", "SUMMARY_BUDGET_MINUTES"),
        ("unheard_of", "unheard_of"),
    ],
)
def test_a_night_that_was_stopped_says_why_and_what_becomes_of_the_rest(because, said):
    shown = page(signed_in(VIEW), night(state="stopped", stopped_because=because, remaining=3, failed=0))
    assert said in shown and "3 conversations remain; the next night takes up the rest" in shown


def test_a_night_that_runs_is_counted_from_its_items_and_told_again_and_again():
    found = night(state="running", candidates=4, summarized=0, failed=0, skipped=0, reasons={})
    plan(conversation(), found)
    plan(conversation(), found, state="done", tokens_in=10, cost_usd="0.5")
    plan(conversation(), found, state="skipped", reason="trivial")
    failed(found)
    client = signed_in(VIEW)
    shown = page(client, found)
    assert f'data-live="{RUNS}{found.pk}/live/"' in shown and 'http-equiv="refresh"' in shown
    assert "3 of 4 looked at" in shown and 'aria-valuenow="75"' in shown and "1 of 4 remain" in shown
    SummaryItem.objects.filter(state="pending").update(state="done")
    part = page(client, found, "live")
    assert "<html" not in part and "4 of 4 looked at" in part and figures(part)["trivial"] == "1"
    assert "data-ended" not in part
    SummaryRun.objects.update(state="finished")
    assert "data-ended" in page(client, found, "live")


def test_an_operator_stops_a_night_once_and_it_is_written_down():
    found = night(state="running", candidates=2)
    plan(conversation(), found)
    client, watcher = signed_in(VIEW, STOP), signed_in(VIEW)
    assert "Stop this night" in page(client, found) and "Stop this night" not in page(watcher, found)
    assert watcher.post(f"{RUNS}{found.pk}/stop/").status_code == 403
    assert client.get(f"{RUNS}{found.pk}/stop/").status_code == 403
    answer = client.post(f"{RUNS}{found.pk}/stop/", follow=True)
    assert "the next night takes up the rest" in answer.content.decode()
    found.refresh_from_db()
    assert (found.state, found.stopped_because, found.remaining) == ("stopped", "operator", 1)
    again = client.post(f"{RUNS}{found.pk}/stop/", follow=True)
    assert "it has ended already" in again.content.decode()
    assert LogEntry.objects.count() == 1


def test_what_failed_is_listed_in_pages_for_ones_own_domains_alone(monkeypatch):
    monkeypatch.setattr("summarization.admin.runs.FAILED_SHOWN", 2)
    found = night()
    mine = [failed(found, f"reason_{number}") for number in range(3)]
    theirs = failed(found, "reason_theirs", domain="other")
    client = signed_in(VIEW, domains=["demo"])
    shown = page(client, found)
    assert [str(one.conversation.public_id) in shown for one in (*mine, theirs)] == [True, True, False, False]
    following = re.search(r'href="(\?after=[^"]+)"', client.get(f"{RUNS}{found.pk}/change/").content.decode())
    later = client.get(f"{RUNS}{found.pk}/change/{following[1]}").content.decode()
    assert "reason_2" in later and "reason_1" not in later and "reason_theirs" not in later
    SummaryItem.objects.filter(pk=mine[0].pk).update(failures=0)
    assert "not counted: an outage" in page(client, found)
    assert "conversationsummary" not in shown  # no link that would answer "forbidden"


def test_the_list_has_every_run_with_its_counts():
    found = night()
    run(domain="demo", state="finished", summarized=1)
    shown = unescape(signed_in(VIEW).get(RUNS).content.decode())
    assert "night of 2026-11-20" in shown and "7 of 8" in shown and "$0.25" in shown
    assert f"run …{str(SummaryRun.objects.exclude(pk=found.pk).get().run_id)[-6:]}" in shown
    assert signed_in().get(RUNS).status_code == 403
    assert signed_in().get(f"{RUNS}{found.pk}/live/").status_code == 403


def test_a_night_that_is_not_there_is_not_found():
    client = signed_in(VIEW, STOP)
    assert client.get(f"{RUNS}4711/live/").status_code == 404
    assert client.post(f"{RUNS}4711/stop/", follow=True).redirect_chain
