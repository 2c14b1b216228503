"""Agents at work in a real browser."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from handoff.models import CannedReply, SupportCase
from persistence.models import Conversation, Turn
from tests.handoff.admin.support import PASSWORD, QUEUE, address, agent, case, turn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def outcome(page: Page):
    return page.locator("#hf-said")


def press(page: Page, act: str) -> None:
    page.locator(f'button[name="act"][value="{act}"]').click()


def test_an_agent_claims_replies_and_returns_the_customer_to_the_assistant(open_page):
    agent("anna")
    case("wants a refund", customer_ref="Marta")
    page = open_page(QUEUE, "anna", PASSWORD)
    page.get_by_role("link", name="Marta").click()
    press(page, "claim")
    expect(outcome(page)).to_contain_text("The case is yours.")
    expect(page.locator("#hf-head")).to_contain_text("The case is yours.")
    page.fill("#hf-note", "a note that waits")
    page.fill("#hf-reply", "Hello <Marta>,\nhow can I help?")
    press(page, "reply")
    expect(outcome(page)).to_contain_text("on its way")
    expect(page.locator("#hf-thread .hf-agent")).to_contain_text("Hello <Marta>,\nhow can I help?")
    expect(page.locator("#hf-reply")).to_have_value("")
    expect(page.locator("#hf-note")).to_have_value("a note that waits")
    press(page, "note")
    expect(page.locator(".hf-note")).to_contain_text("a note that waits")
    page.locator("summary", has_text="Return to the assistant").click()
    page.fill("#hf-return-note", "refund promised")
    press(page, "return_to_bot")
    expect(outcome(page)).to_contain_text("The assistant speaks with the customer again")
    assert Conversation.objects.get().control == "bot"
    assert Turn.objects.get(seq=2).messages[0]["content"] == "Hello <Marta>,\nhow can I help?"


def test_of_two_agents_who_claim_at_once_one_wins_and_the_other_is_told_who(open_page):
    agent("anna"), agent("bruno")
    found = case()
    pages = {name: open_page(address(found), name, PASSWORD) for name in ("anna", "bruno")}
    for page in pages.values():  # both before either answer is looked at
        page.evaluate("""document.querySelector('button[value="claim"]').click()""")
    for page in pages.values():
        expect(outcome(page)).not_to_be_empty()
    winner = SupportCase.objects.get().assignee
    loser = ({"anna", "bruno"} - {winner}).pop()
    expect(outcome(pages[winner])).to_contain_text("The case is yours.")
    expect(outcome(pages[loser])).to_contain_text(f"Nothing was done: {winner} has this case.")
    expect(pages[loser].locator("#hf-head")).to_contain_text(f"The case belongs to {winner}")


def test_a_customers_word_appears_without_a_reload_and_what_is_typed_stays(open_page):
    agent("anna")
    found = case()
    page = open_page(address(found), "anna", PASSWORD)
    page.evaluate("window.sameWindow = true")
    page.locator("summary", has_text="Close").click()
    page.fill("#hf-close-note", "half a reason")
    page.fill("#hf-reply", "half a sen")
    turn("one more thing", None)
    expect(page.locator("#turn-2")).to_contain_text("one more thing")
    expect(page.locator("#hf-news")).to_contain_text("one more thing")
    expect(page.locator("#hf-reply")).to_have_value("half a sen")
    expect(page.locator("#hf-reply")).to_be_focused()
    expect(page.locator("#hf-close-note")).to_have_value("half a reason")
    assert page.evaluate("window.sameWindow")
    page.fill("#hf-reply", "")
    page.fill("#hf-close-note", "")


def test_a_colleagues_change_appears_and_an_open_form_is_kept(open_page):
    agent("anna"), agent("bruno")
    found = case()
    page, other = open_page(address(found), "anna", PASSWORD), open_page(address(found), "bruno", PASSWORD)
    page.locator("summary", has_text="Close").click()
    page.fill("#hf-close-note", "half a reason")
    page.locator("#hf-reply").focus()
    press(other, "claim")
    expect(page.locator("#hf-head")).to_contain_text("The case belongs to bruno")
    expect(page.locator("#hf-close-note")).to_have_value("half a reason")
    page.fill("#hf-close-note", "")


def test_a_new_case_appears_in_the_queue_by_itself_and_the_focus_stays(open_page):
    agent("anna")
    case(session="a", customer_ref="Marta")
    page = open_page(QUEUE, "anna", PASSWORD)
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Marta")).to_be_focused()
    case(session="b", customer_ref="Youssef", priority="urgent")
    expect(page.locator("[data-row]")).to_have_text(["Youssef", "Marta"])
    expect(page.get_by_role("link", name="Marta")).to_be_focused()
    expect(page.locator("#hf-news")).to_have_text("The queue has changed.")


def test_the_keyboard_is_enough(open_page):
    agent("anna")
    for number, priority in enumerate(("urgent", "high", "normal")):
        case(session=str(number), customer_ref=f"Customer {priority}", priority=priority)
    page = open_page(QUEUE, "anna", PASSWORD)
    for key, name in (("j", "urgent"), ("j", "high"), ("j", "normal"), ("j", "normal"), ("k", "high")):
        page.keyboard.press(key)
        expect(page.get_by_role("link", name=f"Customer {name}")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#hf-keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Customer high").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/change/")
    page.keyboard.press("r")
    page.keyboard.type("nrc?")
    expect(page.locator("#hf-reply")).to_have_value("nrc?")
    page.keyboard.press("Escape")
    expect(page.locator("#hf-head")).to_contain_text("Nobody has this case.")
    page.keyboard.press("c")
    expect(page.locator("#hf-head")).to_contain_text("The case is yours.")
    page.keyboard.press("n")
    page.keyboard.type("by hand")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".hf-note")).to_contain_text("by hand")
    expect(page.locator("#hf-reply")).to_have_value("nrc?")
    page.fill("#hf-reply", "")
    page.locator("#hf-reply").blur()
    page.keyboard.press("u")
    page.wait_for_url(f"**{QUEUE}")


def test_what_has_the_focus_is_seen(open_page):
    agent("anna")
    found = case()
    page = open_page(address(found), "anna", PASSWORD)
    for place in ('button[value="claim"]', "#hf-reply", "#hf-fold-history summary"):
        page.locator(place).focus()
        page.keyboard.press("Shift")  # so that the focus counts as one by keyboard
        assert page.locator(place).evaluate("(one) => parseFloat(getComputedStyle(one).outlineWidth)") >= 2


@pytest.mark.parametrize("width", [375, 1440])
def test_no_page_scrolls_sideways(open_page, width):
    agent("anna")
    long = "x" * 180
    found = case(long, text="y" * 3000, customer_ref=long, queue="q" * 60)
    turn("שלום " * 200 + "\u202e" + "z" * 500, None)
    for path in (QUEUE, address(found)):
        page = open_page(path, "anna", PASSWORD, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_canned_reply_is_inserted_where_the_agent_writes(open_page):
    agent("anna")
    CannedReply.objects.create(domain="demo", title="Greeting", text="Dear {{ customer }}, {{ agent }} here.")
    page = open_page(address(case(customer_ref="Marta")), "anna", PASSWORD)
    page.fill("#hf-reply", "PS")
    page.locator("#hf-reply").evaluate("(one) => one.setSelectionRange(0, 0)")
    page.select_option("#hf-canned", label="Greeting")
    expect(page.locator("#hf-reply")).to_have_value("Dear Marta, anna here.PS")
    page.fill("#hf-reply", "")


def test_a_filter_narrows_the_queue_at_once(open_page):
    agent("anna")
    case(session="a", customer_ref="Marta", priority="urgent")
    case(session="b", customer_ref="Youssef")
    page = open_page(QUEUE, "anna", PASSWORD)
    page.select_option("select[name=priority]", "urgent")
    page.wait_for_url("**priority=urgent**")
    expect(page.locator("[data-row]")).to_have_text(["Marta"])
    case(session="c", customer_ref="Ana", priority="urgent")
    expect(page.locator("[data-row]")).to_have_count(2)


def test_without_an_answer_nothing_typed_is_lost_and_a_reply_is_sent_once(open_page):
    agent("anna")
    found = case()
    page = open_page(address(found), "anna", PASSWORD)
    lost: list[str] = []

    def lose_the_answer(route) -> None:
        route.fetch()  # the server does it
        lost.append(route.request.url)
        route.fulfill(status=502, body="", content_type="text/plain")

    page.route("**/act/**", lose_the_answer)
    page.fill("#hf-reply", "exactly once")
    press(page, "reply")
    expect(outcome(page)).to_contain_text("nobody knows whether it was done")
    expect(page.locator("#hf-reply")).to_have_value("exactly once")
    page.unroute("**/act/**")
    press(page, "reply")
    expect(outcome(page)).to_contain_text("on its way")
    assert lost
    assert Turn.objects.filter(messages__0__role="agent").count() == 1


def test_who_was_signed_out_is_told_and_keeps_what_was_typed(open_page):
    agent("anna")
    page = open_page(address(case()), "anna", PASSWORD)
    page.fill("#hf-reply", "still here")
    Session.objects.all().delete()
    press(page, "reply")
    expect(outcome(page)).to_contain_text("You were signed out.")
    expect(page.locator("#hf-reply")).to_have_value("still here")
    assert Turn.objects.count() == 1
