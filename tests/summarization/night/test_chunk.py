"""Chunks: worked off once however many are at it, within a budget, and not spoilt by one bad conversation."""

import threading
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import connection

from persistence.models import Conversation
from summarization.models import ConversationSummary, SummaryItem
from summarization.night import breaker
from summarization.night.budget import Budget, Estimate, Standing, estimate, standing
from summarization.night.run import stop
from summarization.summarizers.registry import configured
from tests.summarization.night.support import done, items, night, planned, worked
from tests.summarization.support import conversation, item, read, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_ends_when_all_its_conversations_have():
    good, short = conversation(), conversation(("hello", "hi"))
    run = done(planned())
    assert items(run) == {good: "done", short: "skipped"}
    assert (run.state, run.stopped_because) == ("finished", "")
    figures = (run.candidates, run.eligible, run.summarized, run.skipped, run.failed, run.remaining)
    assert figures == (2, 1, 1, 1, 0, 0)
    assert run.reasons == {"too_short": 1}
    assert run.finished_at is not None


def test_a_model_that_serves_is_counted_in_tokens_and_dollars(settings, model_server):
    model_server.configure(settings, SUMMARY_USD_PER_MILLION_IN=1, SUMMARY_USD_PER_MILLION_OUT=2)
    pk = conversation()
    run = done(planned())
    kept = ConversationSummary.objects.get(conversation=pk)
    assert (kept.backend, kept.model) == ("openai", model_server.model)
    assert run.tokens_in == kept.tokens_in > 0
    assert run.tokens_out == kept.tokens_out > 0
    assert run.cost_usd == Decimal(run.tokens_in + 2 * run.tokens_out) / 1_000_000


def test_two_workers_never_ask_about_the_same_conversation(settings, model_server):
    """They begin together, and wait for each other's first request before anything is answered."""
    model_server.configure(settings)
    pks = [conversation() for _ in range(6)]
    run = planned()
    with model_server.thinking():
        threads = [threading.Thread(target=_work_in_a_thread, args=(run,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        model_server.wait_for(2)
    for thread in threads:
        thread.join()
    assert items(run) == dict.fromkeys(pks, "done")
    assert (model_server.asked, model_server.paid) == (6, 6)


def _work_in_a_thread(run) -> None:
    try:
        worked(run)
    finally:
        connection.close()


def test_one_bad_conversation_does_not_spoil_the_others(settings, model_server):
    model_server.configure(settings)
    model_server.when("4712", "not_json")
    good = conversation()
    bad = conversation(("My parcel 4712 is lost.", "I will look."), ("Where is it?", "It is in Porto."))
    last = conversation()
    run = done(planned())
    assert items(run) == {good: "done", bad: "failed", last: "done"}
    assert run.reasons == {item(bad).reason: 1}
    assert "4712" not in item(bad).detail
    stand_in = ConversationSummary.objects.get(conversation=bad)
    assert (stand_in.backend, stand_in.fallback_for) == ("extractive", "openai")


def test_a_row_that_cannot_be_read_fails_alone():
    good, bad, last = conversation(), conversation(), conversation()
    run = planned()
    with connection.cursor() as cursor:  # what no release ever wrote
        cursor.execute("UPDATE persistence_turn SET messages = '[5]' WHERE conversation_id = %s", [bad])
    run = done(run)
    assert items(run) == {good: "done", bad: "failed", last: "done"}
    assert run.state == "finished"


def test_what_failed_is_tried_on_the_next_night_and_never_more(settings, model_server):
    model_server.configure(settings)
    model_server.always("not_json")
    pk = conversation()
    for nights in (1, 2):
        done(night(days=nights))
        assert (item(pk).state, item(pk).failures) == ("failed", nights)
    asked = model_server.asked
    assert items(done(night(days=3))) == {}
    assert model_server.asked == asked


def test_new_turns_bring_a_conversation_back_the_next_night():
    pk = conversation(session_id="back")
    done(night(days=1))
    say("One more thing: my invoice is wrong.", "I have sent you a new invoice.", session_id="back")
    run = done(night(days=3))
    assert run.summarized == 1
    assert ConversationSummary.objects.get(conversation=pk).to_seq == 3


def test_what_says_the_same_is_not_paid_for_twice(settings, model_server):
    model_server.configure(settings)
    pk = conversation(session_id="same")
    done(night(days=1))
    asked = model_server.asked
    say(None, None, session_id="same", messages=[{"role": "system", "content": "closed by time-out"}])
    run = done(night(days=3))
    assert (item(pk).state, item(pk).reason) == ("skipped", "unchanged")
    assert (run.summarized, model_server.asked) == (0, asked)


@pytest.mark.parametrize("limit", ["usd", "tokens"])
def test_what_cannot_be_afforded_any_more_is_not_begun(settings, model_server, limit):
    model_server.configure(settings, SUMMARY_USD_PER_MILLION_IN=1, SUMMARY_USD_PER_MILLION_OUT=2)
    first, second = [conversation() for _ in range(2)]
    run = planned()
    coming = estimate(read(first), configured())
    most = {"usd": float(coming.cost_usd), "tokens": coming.tokens_in + coming.tokens_out}
    done(run, **{limit: most[limit]})
    assert (run.state, run.stopped_because, run.remaining) == ("stopped", f"budget_{limit}", 1)
    assert items(run) == {first: "done", second: "pending"}
    assert model_server.asked == 1


def test_what_no_budget_can_pay_does_not_end_every_night(settings, model_server):
    """It would be the first of what remains, night after night, and nobody would come behind it."""
    model_server.configure(settings)
    large = conversation(*[("My parcel has not arrived. " * 200, "I am sorry. " * 200)] * 3)
    small = conversation()
    room = estimate(read(small), configured())
    run = done(planned(), tokens=room.tokens_in + room.tokens_out)
    assert items(run) == {large: "failed", small: "done"}
    assert (run.state, run.eligible, run.summarized, run.failed, run.remaining) == ("finished", 2, 1, 1, 0)
    assert (item(large).reason, item(large).failures, item(large).tokens_in) == ("too_costly", 1, 0)
    assert ConversationSummary.objects.get(conversation=large).fallback_for == "openai"
    assert model_server.asked == 1


def test_a_night_stops_where_its_tokens_end_and_the_next_one_goes_on(settings, model_server):
    model_server.configure(settings)
    pks = [conversation() for _ in range(3)]
    first = night(days=1)
    worked(first, tokens=1 + _room_for_one(first))
    first.refresh_from_db()
    assert (first.state, first.stopped_because) == ("stopped", "budget_tokens")
    assert (first.eligible, first.summarized, first.remaining) == (3, 1, 2)
    second = done(night(days=2))
    assert (second.state, second.eligible, second.summarized) == ("finished", 2, 2)
    assert sorted(ConversationSummary.objects.values_list("conversation_id", flat=True)) == pks
    assert model_server.paid == 3


def _room_for_one(run) -> int:
    """What one conversation is thought to take at most."""
    coming = estimate(read(SummaryItem.objects.filter(run=run).first().conversation_id), configured())
    return coming.tokens_in + coming.tokens_out


def test_minutes_end_a_run_before_the_next_conversation():
    conversation()
    run = planned()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE summarization_run SET started_at = started_at - interval '3 hours'")
    assert worked(run, minutes=120).stopped == "budget_minutes"
    run.refresh_from_db()
    assert (run.state, run.remaining) == ("stopped", 1)


def test_no_budget_is_no_limit():
    assert Standing("running", 10_000, Decimal(999), 10**9).ends(Budget(), Estimate(1, 1, Decimal(1))) == ""


def test_a_full_budget_ends_a_run_even_when_nothing_is_in_sight():
    assert Standing("running", 1, Decimal(10), 0).ends(Budget(usd=10)) == "budget_usd"
    assert Standing("running", 1, Decimal(9), 0).ends(Budget(usd=10), Estimate(1, 1, Decimal(1))) == ""
    assert (
        Standing("running", 1, Decimal(9), 0).ends(Budget(usd=10), Estimate(1, 1, Decimal(2))) == "budget_usd"
    )


def test_a_run_that_an_operator_stops_goes_no_further(settings, model_server):
    model_server.configure(settings)
    for _ in range(2):
        conversation()
    run = planned()
    with model_server.thinking():
        thread = threading.Thread(target=_work_in_a_thread, args=(run,))
        thread.start()
        model_server.wait_for(1)
        assert stop(run.pk, "operator")
    thread.join()
    assert sorted(items(run).values()) == ["done", "pending"], "what was begun is kept"
    assert standing(run.pk, Budget()).state == "stopped"


def test_time_that_is_up_gives_back_what_was_not_begun():
    pk = conversation()
    run = planned()
    found = worked(run, seconds=0)
    assert (found.more, found.done) == (True, 0)
    assert items(run) == {pk: "pending"}


def test_a_model_that_serves_nobody_is_left_alone_and_everybody_gets_a_plain_summary(settings, model_server):
    model_server.configure(settings)
    model_server.always("unauthorized")
    pks = [conversation() for _ in range(6)]
    run = done(planned())
    assert items(run) == dict.fromkeys(pks, "failed")
    assert model_server.asked == breaker.STRIKES
    assert ConversationSummary.objects.filter(fallback_for="openai").count() == 6
    assert sum(run.reasons.values()) == 6


def test_a_model_that_has_rested_is_tried_once_more():
    found = breaker.Breaker(rest_seconds=0)
    for _ in range(breaker.STRIKES):
        found.note(SimpleNamespace(unavailable=True))
    assert found.may_ask, "it has rested"
    found = breaker.Breaker()
    for _ in range(breaker.STRIKES - 1):
        found.note(SimpleNamespace(unavailable=True))
    found.note(SimpleNamespace(unavailable=False))
    found.note(SimpleNamespace(unavailable=True))
    assert found.may_ask, "it was not three times in a row"


def test_an_erased_conversation_is_passed_over():
    pk, kept = conversation(), conversation()
    run = planned()
    SummaryItem.objects.filter(conversation=pk).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM persistence_turn WHERE conversation_id = %s", [pk])
    Conversation.objects.filter(pk=pk).delete()
    assert items(done(run)) == {kept: "done"}
