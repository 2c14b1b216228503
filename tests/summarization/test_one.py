"""One conversation: whatever goes wrong is its own failure, and whoever lost the claim stores nothing."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection

from summarization import one
from summarization.claims import Claim
from summarization.compose import NOT_ASKED
from summarization.models import ConversationSummary, SummaryItem
from summarization.night import chunk
from summarization.one import prepare_each, summarize_one
from tests.summarization.night.support import items, planned, worked
from tests.summarization.support import Scripted, claimed, conversation, draft, item

pytestmark = pytest.mark.django_db(transaction=True)
EXPIRE = "UPDATE summarization_item SET claimed_until = clock_timestamp() - interval '1 second'"


def ready(pk: int):
    [found] = prepare_each([claimed(pk)])
    return found


def test_a_summary_is_stored_and_the_claim_is_settled():
    pk = conversation()
    ended = summarize_one(ready(pk), Scripted([draft()]))
    assert (ended.how, ended.summary.to_seq) == ("done", 2)
    assert item(pk).state == "done"


def test_whoever_lost_the_claim_while_the_model_thought_stores_nothing():
    pk = conversation()

    def taken_over(part) -> None:
        with connection.cursor() as cursor:
            cursor.execute(EXPIRE)
        claimed(pk)

    ended = summarize_one(ready(pk), Scripted([draft()], before=taken_over))
    assert ended.how == "lost"
    assert not ConversationSummary.objects.exists()
    assert item(pk).state == "working"


def test_what_cannot_be_afforded_is_given_back_and_nobody_is_asked():
    pk = conversation()
    model = Scripted([draft()])
    ended = summarize_one(ready(pk), model, unaffordable=lambda source: "budget_usd")
    assert (ended.how, ended.reason, model.asked) == ("released", "budget_usd", [])
    assert item(pk).state == "pending"


def test_the_fallback_costs_nothing_and_is_made_whatever_the_budget():
    pk = conversation()
    ended = summarize_one(
        ready(pk), Scripted([draft()]), not_asked=NOT_ASKED, unaffordable=lambda source: "budget_usd"
    )
    assert (ended.how, ended.summary.fallback_for) == ("failed", "openai")
    assert item(pk).reason == ended.reason


def test_a_conversation_that_cannot_be_stored_is_failed_and_the_connection_is_good_for_the_next(monkeypatch):
    bad, good = conversation(), conversation()

    def refused(*_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with monkeypatch.context() as patch:
        patch.setattr(one, "settle", refused)
        assert summarize_one(ready(bad), Scripted([draft()])).how == "failed"
    assert (item(bad).state, item(bad).reason) == ("failed", "storage_error")
    assert "DataError" in item(bad).detail
    assert summarize_one(ready(good), Scripted([draft()])).how == "done"


def test_when_postgres_is_away_nothing_is_blamed_on_the_conversation(monkeypatch):
    pk = conversation()
    found = ready(pk)

    def away(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(one, "settle", away)
    monkeypatch.setattr(one, "fail", away)
    with pytest.raises(OperationalError):
        summarize_one(found, Scripted([draft()]))
    assert item(pk).state == "working", "its lease runs out"


def test_a_worker_whose_time_is_over_gives_back_what_it_held(monkeypatch):
    pks = [conversation() for _ in range(3)]
    model = Scripted([SoftTimeLimitExceeded()])
    model.batch = 3
    monkeypatch.setattr(chunk, "configured", lambda: model)
    run = planned()
    with pytest.raises(SoftTimeLimitExceeded):
        worked(run)
    assert items(run) == dict.fromkeys(pks, "pending")
    assert SummaryItem.objects.filter(failures__gt=0).count() == 0


def test_a_claim_on_what_is_gone_is_settled_without_a_word():
    pk = conversation()
    claim = claimed(pk)
    gone = Claim(pk + 1_000_000, claim.token, claim.to_seq, 0, None)
    assert prepare_each([gone]) == []
