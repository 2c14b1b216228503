"""An agent asks for a summary: it is there at once, and better when a model has been asked, for which nobody waits."""

import math
import threading

import pytest
from django.db import connection

from summarization.asked import summarize_asked, summarize_now, waiting
from summarization.claims import take_one
from summarization.models import ConversationSummary, DomainPolicy, SummaryItem
from summarization.one import prepare_each, summarize_one
from summarization.summarizers.port import BadAnswer
from tests.summarization.night.support import done, items, later, night, planned
from tests.summarization.support import Scripted, conversation, item, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_summary_is_made_at_once_whatever_the_silence_and_the_length():
    pk = conversation(("My parcel 4711 has not arrived.", "I am sorry."))
    found = summarize_now(pk, by="test")
    assert found.summary is not None
    assert (found.summary.to_seq, found.queued) == (1, False)


def test_what_is_fresh_is_returned_as_it_is():
    pk = conversation()
    first = summarize_now(pk, by="test").summary
    assert summarize_now(pk, by="test").summary.number == first.number == 1


def test_what_is_stale_is_made_anew():
    pk = conversation(session_id="stale")
    summarize_now(pk, by="test")
    say("And my invoice?", "It is attached.", session_id="stale")
    found = summarize_now(pk, by="test").summary
    assert (found.to_seq, found.number) == (3, 2)


def test_where_nobody_has_said_anything_there_is_nothing():
    pk = conversation(messages=[{"role": "system", "content": "opened"}])
    found = summarize_now(pk, by="test")
    assert (found.summary, found.queued) == (None, False)
    assert item(pk).reason == "empty"


def test_a_conversation_that_is_gone_has_none():
    assert summarize_now(999_999_999, by="test").summary is None
    assert summarize_now(999_999_999, by="test").queued is False


def test_while_somebody_is_at_it_the_last_one_is_returned_and_a_better_one_announced():
    pk = conversation()
    assert take_one(pk, 60) is not None
    found = summarize_now(pk, by="test")
    assert (found.summary, found.queued) == (None, True)


def test_with_a_model_a_plain_one_comes_at_once_and_the_models_afterwards(settings, model_server):
    model_server.configure(settings)
    pk = conversation()
    found = summarize_now(pk, by="test")
    assert (found.summary.backend, found.summary.fallback_for, found.queued) == ("extractive", "openai", True)
    assert model_server.asked == 0
    assert waiting() == [pk]
    summarize_asked(math.inf)
    assert waiting() == []
    stored = ConversationSummary.objects.get(conversation=pk)
    assert (stored.backend, stored.fallback_for, stored.number) == ("openai", "", 2)
    assert summarize_now(pk, by="test").queued is False
    assert model_server.paid == 1


def test_a_model_that_is_asked_twice_is_asked_once(settings, model_server):
    model_server.configure(settings)
    pk = conversation()
    summarize_now(pk, by="test")
    summarize_now(pk, by="test")
    summarize_asked(math.inf)
    summarize_asked(math.inf)
    assert model_server.paid == 1


def test_what_another_worker_has_come_to_meanwhile_is_not_asked_about_again(settings, model_server):
    """It has failed by then, and may be tried on another night."""
    model_server.configure(settings)
    first, second = conversation(), conversation()
    for pk in (first, second):
        summarize_now(pk, by="test")
    with model_server.thinking():
        slow = threading.Thread(target=_serve)  # has read the list with both
        slow.start()
        model_server.wait_for(1)
        [found] = prepare_each([take_one(second, 60)])
        summarize_one(found, Scripted([BadAnswer("not_json", "No JSON.")]))
    slow.join()
    assert (item(first).state, model_server.asked) == ("done", 1)
    assert (item(second).state, item(second).failures) == ("failed", 1)


def _serve() -> None:
    try:
        summarize_asked(math.inf)
    finally:
        connection.close()


def test_what_nobody_came_to_is_the_nights(settings, model_server):
    """All workers of the queue were down."""
    model_server.configure(settings)
    pk = conversation()
    summarize_now(pk, by="test")
    run = done(night())
    assert (items(run), run.summarized) == ({pk: "done"}, 1)
    assert ConversationSummary.objects.get(conversation=pk).backend == "openai"


def test_whoever_asks_does_not_wait_for_the_night_that_has_planned_it(settings, model_server):
    model_server.configure(settings)
    pk, other = conversation(), conversation()
    run = planned(now=later())
    summarize_now(pk, by="test")
    assert waiting() == [pk]
    assert items(run) == {other: "pending"}
    assert (done(run).eligible, run.summarized) == (1, 1)


def test_a_model_that_fails_leaves_the_plain_one_and_says_why(settings, model_server):
    model_server.configure(settings)
    model_server.always("not_json")
    pk = conversation()
    summarize_now(pk, by="test")
    summarize_asked(math.inf)
    found = SummaryItem.objects.get(conversation=pk)
    assert (found.state, found.failures) == ("failed", 1)
    assert found.reason
    assert ConversationSummary.objects.get(conversation=pk).fallback_for == "openai"


def test_a_domain_that_is_switched_off_is_not_summarised_for_anybody():
    DomainPolicy.objects.create(domain="demo", summaries=False)
    found = summarize_now(conversation(), by="test")
    assert (found.summary, found.queued) == (None, False)


def test_those_who_wait_are_served_until_time_is_up(settings, model_server):
    model_server.configure(settings)
    pk = conversation()
    summarize_now(pk, by="test")
    summarize_asked(0)
    assert (waiting(), model_server.asked) == ([pk], 0)
