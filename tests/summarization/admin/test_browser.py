"""People who judge summaries and watch nights, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from summarization.models import DomainPolicy, SummaryItem, SummaryRating, SummaryRun
from summarization.rating import rate
from tests.handoff.admin.people import PASSWORD, person
from tests.summarization.admin.kit import RUNS, SAMPLING, judge, night, summary
from tests.summarization.support import conversation, plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
LONG = [(f"question {number} " + "word " * 40, f"answer {number} " + "word " * 40) for number in range(1, 31)]


def start(open_page, **more) -> Page:
    page = open_page(SAMPLING, "judge", PASSWORD, **more)
    page.get_by_role("button", name="Judge a summary").click()
    page.wait_for_url("**/sample/**")
    return page


def test_the_keyboard_is_enough_to_judge_a_sample(open_page):
    for _ in range(3):
        summary()
    judge()
    page = start(open_page)
    first = page.url
    page.keyboard.press("g")
    page.wait_for_url(lambda address: address != first)
    page.keyboard.press("b")
    expect(page.locator("#hf-reason")).to_be_focused()  # bad needs a reason
    page.keyboard.type("names no order, gbs 12")
    second = page.url
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda address: address != second)
    page.keyboard.press("s")
    expect(page.locator("body")).to_contain_text(
        "No other summary of the last 30 days is left to be judged here."
    )
    kept = SummaryRating.objects.order_by("id").values_list("good", "reason")
    assert list(kept) == [(True, ""), (False, "names no order, gbs 12")]


def test_a_click_on_a_citation_and_a_number_key_lead_to_the_turn(open_page):
    summary(*LONG, support={"problem": [3], "solution": [28]})
    judge()
    page = start(open_page)
    expect(page.locator("#turn-28")).not_to_be_in_viewport()
    page.locator(".hf-judge a[data-turn='28']").click()
    expect(page.locator("#turn-28.hf-asked")).to_be_in_viewport()
    page.keyboard.press("1")
    expect(page.locator("#turn-3.hf-asked")).to_be_in_viewport()
    expect(page.locator(".hf-asked")).to_have_count(1)


def test_recall_is_switched_on_in_two_steps_and_off_in_one(open_page, settings):
    settings.RECALL_SAMPLE = 1
    user, found = judge(), summary()
    page = open_page(SAMPLING, "judge", PASSWORD)
    expect(page.get_by_role("button", name="Switch recall on")).to_be_disabled()
    expect(page.get_by_role("button", name="Switch recall on")).to_have_css("opacity", "0.5")
    rate(found.pk, found.input_hash, good=True, reason="", user=user)
    page.reload()
    page.locator("summary", has_text="Switch recall on").click()
    expect(page.locator(".hf-fold-in")).to_contain_text("Think twice")
    page.get_by_role("button", name="Switch recall on for demo").click()
    expect(page.locator("#recall")).to_contain_text("by judge")
    assert DomainPolicy.objects.get().recall
    page.get_by_role("button", name="Switch recall off").click()
    expect(page.locator("#recall h2")).to_contain_text("off")
    assert not DomainPolicy.objects.get().recall


def test_a_night_follows_along_is_stopped_and_says_what_remains(open_page):
    person("operator", name="olga")
    found = night(state="running", candidates=2, reasons={})
    plan(conversation(), found), plan(conversation(), found)
    page = open_page(f"{RUNS}{found.pk}/change/", "olga", PASSWORD)
    expect(page.locator("#hf-night")).to_contain_text("0 of 2 looked at")
    SummaryItem.objects.filter(pk=SummaryItem.objects.first().pk).update(state="done")
    expect(page.locator("#hf-night")).to_contain_text("1 of 2 looked at")
    page.get_by_role("button", name="Stop this night").click()
    expect(page.locator("#hf-night")).to_contain_text("1 conversation remains")
    expect(page.get_by_role("button", name="Stop this night")).to_have_count(0)
    assert SummaryRun.objects.get().stopped_because == "operator"


@pytest.mark.parametrize("width", [375, 1440])
def test_no_page_scrolls_sideways(open_page, width):
    long = "x" * 300
    summary((long, long), (long, long), problem=long, topics=[long], status_because="y" * 100)
    summary((long, long), problem=long, model="m" * 200, fallback_for="o" * 20)
    judge("summarization.view_conversationsummary", "summarization.view_summaryrun")
    page = start(open_page, width=width)
    for path in ("", SAMPLING, "/admin/summarization/conversationsummary/", f"{RUNS}{night().pk}/change/"):
        if path:
            page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
