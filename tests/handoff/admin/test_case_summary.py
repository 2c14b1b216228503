"""The summary beside a case: the one that has read furthest, what it stands on, and the button for a new one."""

import re
from html import unescape

import pytest
from playwright.sync_api import expect

from handoff.admin.summary import came_of_it
from handoff.models import SupportCase
from outbox.models import OutboxEvent
from persistence.models import Conversation
from summarization.asked import Asked
from summarization.models import ConversationSummary, DomainPolicy, SummaryItem
from tests.admin_support import NAUGHTY
from tests.handoff.admin.support import AGENT, PASSWORD, address, agent, case, press, signed_in, turn
from tests.summarization.admin.kit import night, summary_of

pytestmark = pytest.mark.django_db(transaction=True)


def talk() -> SupportCase:
    """Open a case about a parcel, at the third turn."""
    turn(
        "My parcel 4711 has not arrived, it was due last week.",
        "I am sorry. It is stuck at customs in Lisbon.",
    )
    turn("Can you send another one?", "I cannot send parcels myself.")
    return case("wants another parcel", text="Then let me speak with somebody who can send one, please.")


def panel(client, found: SupportCase, part: str = "change") -> str:
    """Return the summary's panel as text."""
    body = client.get(address(found, part)).content.decode()
    return unescape(re.search(r'<section class="hf-card hf-summary">.*?</section>', body, re.DOTALL)[0])


def said_of(answer) -> str:
    """Return the page that answers a press as text."""
    return unescape(answer.content.decode())


def test_at_a_handoff_the_panel_says_what_the_words_say_and_what_came_since():
    found, client = talk(), signed_in()
    before = panel(client, found)
    assert "4711" in before and "turn 1" in before and "newer" not in before
    turn("Hello? Is anybody there?", None)
    assert "1 newer" in panel(client, found)


def test_a_stored_summary_that_has_read_as_far_takes_its_place_with_turns_that_jump():
    found, client = talk(), signed_in()
    summary_of(found.conversation_id, support={"problem": [1], "solution": [2]})
    shown = panel(client, found)
    assert "The parcel has not arrived." in shown and "covers turns 1–3" in shown.lower()
    assert 'href="?turn=1#turn-1" data-turn="1"' in shown and "resolved" in shown
    assert "Summarise now" not in shown  # it would say the same


def test_a_stored_summary_that_has_read_less_leaves_the_handoffs_own():
    found, client = talk(), signed_in()
    summary_of(found.conversation_id, to_seq=2)
    assert "The parcel has not arrived." not in panel(client, found)


def test_a_stored_summary_that_is_stale_or_a_fallback_says_so_and_offers_a_new_one():
    found, client = talk(), signed_in()
    stored = summary_of(found.conversation_id)
    turn("one more thing", None)
    shown = panel(client, found)
    assert "1 newer" in shown and "Summarise now" in shown
    ConversationSummary.objects.filter(pk=stored.pk).update(to_seq=4, fallback_for="openai")
    shown = panel(client, found)
    assert "in place of <bdi>openai</bdi>" in shown and "Summarise now" in shown
    assert "Summarise now" not in panel(signed_in("watcher", AGENT[0]), found)


def test_a_press_summarises_at_once_and_is_kept_for_everybody():
    found, client = talk(), signed_in()
    turn("Please send it to Rua Augusta 12.", None)
    answer = press(client, found, "summarise", note="half a note")
    body = answer.content.decode()
    assert answer.status_code == 200 and "The summary covers everything that was said." in body
    assert "half a note" in body
    stored = ConversationSummary.objects.get()
    assert (stored.conversation_id, stored.to_seq) == (found.conversation_id, 4)
    assert SummaryItem.objects.get().state == "done"
    assert OutboxEvent.objects.filter(event_type="conversation.summarized").count() == 1
    assert "covers turns 1–4" in panel(client, found).lower()
    assert "Summarise now" not in panel(client, found)


def test_where_a_domain_is_not_summarised_the_button_does_not_claim_that_it_was():
    found, client = talk(), signed_in()
    DomainPolicy.objects.create(domain="demo", summaries=False)
    assert "domain's conversations are not summarised" in said_of(press(client, found, "summarise", note="x"))
    summary_of(found.conversation_id)
    turn("one more thing", None)
    said = said_of(press(client, found, "summarise", note="x"))
    assert "domain's conversations are not summarised" in said and "covers everything" not in said


def test_what_was_said_while_it_was_summarised_is_not_claimed_to_be_covered():
    found = talk()
    summary_of(found.conversation_id)
    turn("one more thing", None)
    asked = Asked(ConversationSummary.objects.get(), queued=False)
    assert came_of_it(found, asked) == "The summary covers turns 1–3, 1 newer."


def test_with_a_model_the_words_themselves_stand_in_until_it_has_answered(settings):
    settings.SUMMARY_BACKEND, settings.OPENAI_MODEL, settings.OPENAI_API_KEY = "openai", "some-model", "key"
    settings.OPENAI_BASE_URL = (
        "http://127.0.0.1:1/v1"  # nobody is there: nobody must be asked while an agent waits
    )
    found, client = talk(), signed_in()
    answer = press(client, found, "summarise")
    assert answer.status_code == 302
    assert "It is being summarised" in client.get(address(found)).content.decode()
    assert "in place of <bdi>openai</bdi>" in panel(client, found)
    assert SummaryItem.objects.get().state == "pending"


def test_an_open_page_is_told_of_a_summary_that_somebody_else_asked_for():
    found, client = talk(), signed_in()
    tag = client.get(address(found, "live"))["ETag"]
    assert client.get(address(found, "live"), HTTP_IF_NONE_MATCH=tag).status_code == 304
    summary_of(found.conversation_id)
    told = client.get(address(found, "live"), HTTP_IF_NONE_MATCH=tag)
    assert told.status_code == 200 and "The parcel has not arrived." in told.content.decode()


def test_whoever_may_only_look_cannot_have_it_summarised():
    found = talk()
    assert press(signed_in("watcher", AGENT[0]), found, "summarise").status_code == 403
    assert not ConversationSummary.objects.exists()


def test_a_conversation_whose_words_are_gone_has_no_summary_and_no_error():
    found = talk()
    SupportCase.objects.update(context_snapshot={})
    Conversation.objects.update(last_seq=0)
    shown = panel(signed_in(), found)
    assert "There is no summary of this conversation." in shown and "Summarise now" not in shown


@pytest.mark.slow
def test_in_the_browser_a_summary_appears_in_every_window_and_what_is_typed_stays(open_page):
    agent("anna"), agent("bruno")
    found = talk()
    anna, bruno = (open_page(address(found), name, PASSWORD) for name in ("anna", "bruno"))
    anna.fill("#hf-note", "half a note")
    anna.get_by_role("button", name="Summarise now").click()
    expect(anna.locator("#hf-said")).to_contain_text("covers everything that was said")
    for page in (anna, bruno):
        expect(page.locator(".hf-summary h2")).to_contain_text("escalated")
        expect(page.get_by_role("button", name="Summarise now")).to_have_count(0)
    expect(anna.locator("#hf-note")).to_have_value("half a note")
    bruno.locator(".hf-summary a[data-turn='1']").first.click()
    expect(bruno.locator("#turn-1.hf-asked")).to_be_in_viewport()
    anna.fill("#hf-note", "")


@pytest.mark.parametrize("text", NAUGHTY)
def test_what_strangers_said_is_shown_as_text(text):
    found, client = talk(), signed_in()
    summary_of(found.conversation_id, problem=text, topics=[text], open_questions=[text], model=text)
    assert "<script>alert(1)" not in client.get(address(found)).content.decode()
    SupportCase.objects.update(
        context_snapshot={"summary": {"problem": text, "topics": [text], "covers": text}}
    )
    ConversationSummary.objects.all().delete()
    assert "<script>alert(1)" not in client.get(address(found)).content.decode()


def test_the_dashboard_tells_of_the_last_night_whoever_may_see_nights():
    night(night="2026-11-19")
    last = night(state="stopped", stopped_because="budget_usd", remaining=3)
    shown = unescape(signed_in("lea", "summarization.view_summaryrun").get("/admin/").content.decode())
    assert f"/admin/summarization/summaryrun/{last.pk}/change/" in shown and "3 conversations remain" in shown
    assert "Night of" not in signed_in("anna").get("/admin/").content.decode()


def test_the_dashboards_line_says_each_figure_once():
    night(failed=4, remaining=3, state="stopped", stopped_because="budget_usd")
    shown = unescape(signed_in("lea", "summarization.view_summaryrun").get("/admin/").content.decode())
    assert shown.count("4 failed") == 1 and "3 remain." not in shown and "3 conversations remain" in shown
