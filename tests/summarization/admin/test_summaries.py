"""The list of summaries and the page of one: whose they are, what they stand on, how they were made."""

import re
from html import unescape
from urllib.parse import parse_qsl

import pytest
from django.contrib.auth.models import User

from persistence.models import TranscriptReading
from summarization.models import ConversationSummary, SummaryItem
from tests.admin_support import NAUGHTY, most_rows_read, signed_in, statements
from tests.summarization.admin.kit import SUMMARIES, failed, multiply, run, summary
from tests.summarization.support import say

pytestmark = pytest.mark.django_db(transaction=True)
VIEW = "summarization.view_conversationsummary"


def body(client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200, address
    return unescape(response.content.decode())


def page(client, found: ConversationSummary) -> str:
    return body(client, f"{SUMMARIES}{found.pk}/change/")


def test_the_list_says_whose_what_and_how_far_and_not_what_was_said():
    summary()
    other = summary(status="escalated", fallback_for="openai")
    shown = body(signed_in(VIEW, domains=["demo"]), SUMMARIES)
    assert "covers turns 1–2" in shown and "escalated" in shown and "for openai" in shown
    assert str(other.conversation.public_id)[:8] in shown
    assert "parcel" not in shown
    assert not TranscriptReading.objects.exists()


def test_a_domain_is_listed_by_what_was_summarised_last_and_paged_by_key(monkeypatch):
    monkeypatch.setattr("summarization.admin.summaries.SummaryAdmin.list_per_page", 2)
    every = [summary() for _ in range(5)]
    every[0].summarized_at, every[0].number = every[4].summarized_at, 2
    ConversationSummary.objects.filter(pk=every[0].pk).update(summarized_at="2099-01-01T00:00Z")
    client, seen, query = signed_in(VIEW, domains=["demo"]), [], {"domain": "demo"}
    for _ in range(4):
        shown = body(client, SUMMARIES, **query)
        seen += re.findall(r"conversationsummary/(\d+)/change", shown)
        following = re.search(r'href="\?([^"]*after=[^"]*)">Next', shown)
        if not following:
            break
        query = dict(parse_qsl(following[1]))
    assert seen == [str(one.pk) for one in (every[0], *reversed(every[1:]))]


def test_only_ones_own_domains_are_listed_opened_and_found():
    mine, theirs = summary(), summary(domain="other")
    client = signed_in(VIEW, domains=["demo"])
    shown = body(client, SUMMARIES)
    assert f"/{mine.pk}/change" in shown and f"/{theirs.pk}/change" not in shown
    assert f"/{theirs.pk}/change" not in body(client, SUMMARIES, domain="other")
    assert client.get(f"{SUMMARIES}{theirs.pk}/change/").status_code == 404
    assert "No summary of a conversation" in body(client, SUMMARIES, q=str(theirs.conversation.public_id))
    assert signed_in(domains=["demo"]).get(SUMMARIES).status_code == 403


def test_a_summary_is_found_by_its_conversation_or_its_customer():
    found, other = summary(customer_ref="Marta"), summary()
    client = signed_in(VIEW, domains=["demo"])
    for term in (str(found.conversation.public_id), "Marta"):
        shown = body(client, SUMMARIES, q=term)
        assert f"/{found.pk}/change" in shown and f"/{other.pk}/change" not in shown
    assert "The parcel has not arrived." in body(client, f"{SUMMARIES}{found.conversation.public_id}/change/")


def test_the_page_has_the_record_with_turns_that_lead_into_the_transcript_and_is_written_down():
    found = summary(session_id="s", tokens_in=1200, duration_ms=345, prompt_version="p7")
    say("one more thing", "yes?", session_id="s")
    client = signed_in(VIEW, "persistence.view_conversation", domains=["demo"])
    shown = page(client, found)
    where = f"/admin/persistence/conversation/{found.conversation_id}/change/?turn=2#turn-2"
    assert f'href="{where}"' in shown and client.get(where.partition("#")[0]).status_code == 200
    for words in (
        "covers turns 1–2, 1 newer",
        "1,200",
        "345 ms",
        "p7",
        "The conversation's words",
        "Who pays customs?",
    ):
        assert words in shown
    reading = TranscriptReading.objects.order_by("id").first()
    assert (reading.page, reading.from_seq, reading.to_seq) == ("summary", 1, 2)
    assert reading.username == User.objects.get().username


def test_without_the_right_to_read_transcripts_the_numbers_lead_nowhere():
    shown = page(signed_in(VIEW, domains=["demo"]), summary())
    assert "persistence/conversation" not in shown and "Turn 1 says so" in shown


def test_a_fallback_says_whose_place_it_takes_and_why():
    found = summary(fallback_for="openai")
    item = failed(run(), "timed_out", failures=2, detail="No answer within 30 s.")
    ConversationSummary.objects.filter(pk=found.pk).update(conversation=item.conversation)
    shown = page(signed_in(VIEW, domains=["demo"]), found)
    assert (
        "in place of <bdi>openai</bdi>, which failed." in shown
        and "timed_out" in shown
        and "No answer within 30 s</bdi>. It has failed on 2 nights" in shown
    )
    assert "not tried again until something new is said" in shown


def test_an_outage_is_not_told_as_one_of_two_nights():
    found = summary(fallback_for="openai")
    item = failed(run(), "unreachable", failures=0, detail="Nobody answers there.")
    ConversationSummary.objects.filter(pk=found.pk).update(conversation=item.conversation)
    shown = page(signed_in(VIEW, domains=["demo"]), found)
    assert "That was an outage, so every night tries again." in shown
    assert "0 night" not in shown and ".." not in shown


@pytest.mark.parametrize(
    ("of_a_run", "said"), [(True, "which is asked at night"), (False, "which is asked soon")]
)
def test_a_stand_in_says_when_the_model_is_asked(of_a_run, said):
    found = summary(fallback_for="openai")
    item = failed(run(), reason="", failures=0)
    SummaryItem.objects.filter(pk=item.pk).update(state="pending", run=item.run if of_a_run else None)
    ConversationSummary.objects.filter(pk=found.pk).update(conversation=item.conversation)
    assert said in page(signed_in(VIEW, domains=["demo"]), found)


@pytest.mark.parametrize("text", NAUGHTY)
def test_what_strangers_said_is_shown_as_text(text):
    found = summary(
        problem=text, solution=text, topics=[text], open_questions=[text], status_because=text[:100]
    )
    ConversationSummary.objects.update(support={"problem": ["<b>", -1, True, 1], "topics": "x"}, model=text)
    client = signed_in(VIEW, domains=["demo"])
    raw = client.get(f"{SUMMARIES}{found.pk}/change/").content.decode()
    assert "<script>alert(1)" not in raw and raw.count("hf-cite") >= 1
    assert "<script>alert(1)" not in client.get(SUMMARIES).content.decode()


def test_nothing_can_be_changed_by_hand():
    found = summary()
    client = signed_in(
        VIEW, *(f"summarization.{may}_conversationsummary" for may in ("add", "change", "delete"))
    )
    for page_of in (f"{found.pk}/change/", f"{found.pk}/delete/", "add/"):
        assert client.post(f"{SUMMARIES}{page_of}", {"problem": "other"}).status_code in (403, 404)
    assert ConversationSummary.objects.get().problem == found.problem


def test_a_list_of_many_costs_what_a_list_of_few_does():
    found = summary()
    client = signed_in(VIEW, domains=["demo"])
    pages = [f"{SUMMARIES}{query}" for query in ("", "?domain=demo", "?domain=demo&status=resolved")]
    before = [len(statements(client, page)) for page in pages]
    multiply(found, 1_000)
    assert [len(statements(client, page)) for page in pages] == before
    assert (
        max(most_rows_read(client, page) for page in pages) <= 200
    )  # fifty rows, their conversations, and the table of permissions
