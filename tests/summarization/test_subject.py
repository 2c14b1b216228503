"""Summaries' share of a customer: counted, exported whole, and gone with everything that was told of them."""

import pytest
from django.db import transaction

from handoff.models import Endpoint
from outbox.enqueue import enqueue
from outbox.models import Delivery, OutboxEvent
from persistence.subject.erase import erase
from persistence.subject.find import subject_of
from summarization.event import EVENT_TYPE, payload_of
from summarization.models import ConversationSummary, SummaryItem, SummaryRating
from summarization.subject import SummariesOfSubject
from tests.persistence.subject.support import everything
from tests.summarization.stored import summarized
from tests.summarization.support import conversation, plan

pytestmark = pytest.mark.django_db(transaction=True)
PART = SummariesOfSubject()
CANARY = "canary-51c0"


def rate(summary: ConversationSummary, **given: object) -> SummaryRating:
    values = {
        "domain": "demo",
        "input_hash": b"h" * 32,
        "backend": "extractive",
        "username": "olga",
        "good": True,
    }
    return SummaryRating.objects.create(summary=summary, **values | given)


def tell(summary: ConversationSummary) -> None:
    """Enqueue the event of a summary, as storing it does."""
    found = summary.conversation
    payload = payload_of(
        summary, conversation_id=found.public_id, channel="web", customer_ref=found.customer_ref
    )
    with transaction.atomic():
        enqueue(
            EVENT_TYPE,
            payload,
            ordering_key=str(found.public_id),
            ordering_seq=1,
            destinations=["summaries:app"],
        )


def test_summaries_and_ratings_are_counted():
    first = summarized("ann")
    summarized("ann")
    summarized("bob")
    rate(first)
    assert PART.count(subject_of("demo", "ann")) == {"summaries": 2, "ratings": 1}


def test_an_export_has_everything_that_a_summary_says_and_not_who_judged_it():
    summary = summarized("ann")
    rate(summary, good=False, reason="misses the refund", model="m", prompt_version="1")
    [(name, rows)] = PART.files(subject_of("demo", "ann"))
    [row] = rows
    assert name == "summaries.jsonl"
    assert row["conversation_id"] == str(summary.conversation.public_id)
    assert (row["problem"], row["covers"], row["citations"]) == (summary.problem, [1, 2], [1, 2])
    [rating] = row["ratings"]
    assert (rating["good"], rating["reason"]) == (False, "misses the refund")
    assert "olga" not in str(row)
    assert "input_hash" not in row


def test_every_column_of_a_summary_is_either_exported_or_ours_alone():
    summarized("ann")
    [(_, rows)] = PART.files(subject_of("demo", "ann"))
    [row] = rows
    told_otherwise = {"from_seq": "covers", "to_seq": "covers", "conversation": "conversation_id"}
    ours = {"id", "input_hash", "domain"}  # the export says of which domain it is
    columns = {field.name for field in ConversationSummary._meta.concrete_fields} - ours
    assert {told_otherwise.get(name, name) for name in columns} <= row.keys()


def test_an_export_reads_pages_and_leaves_nothing_out(monkeypatch):
    for _ in range(5):
        rate(summarized("ann"))
    [(_, whole)] = PART.files(subject_of("demo", "ann"))
    whole = list(whole)
    monkeypatch.setattr("summarization.subject.PAGE", 2)
    [(_, paged)] = PART.files(subject_of("demo", "ann"))
    assert list(paged) == whole
    assert len(whole) == 5


def test_an_erasure_leaves_no_word_of_a_summary_anywhere():
    summary = summarized("ann", problem=CANARY, topics=[CANARY])
    rate(summary, good=False, reason=CANARY)
    plan(summary.conversation_id, state="failed", detail=CANARY)
    other = summarized("bob")
    rate(other)
    plan(other.conversation_id)
    tell(summary)
    tell(other)
    assert CANARY in everything()
    record = erase(subject_of("demo", "ann"), by="test")
    assert CANARY not in everything()
    assert (record.reached["summaries"], record.reached["ratings"]) == (1, 1)
    assert list(ConversationSummary.objects.values_list("pk", flat=True)) == [other.pk]
    assert (SummaryRating.objects.count(), SummaryItem.objects.count()) == (1, 1)
    told = OutboxEvent.objects.filter(event_type=EVENT_TYPE)
    assert [event.payload["customer_ref"] for event in told] == ["bob"]
    assert Delivery.objects.filter(event__event_type=EVENT_TYPE).values("event_id").distinct().count() == 1


def test_whoever_hears_of_the_domains_summaries_is_named_as_a_place_out_of_reach():
    summarized("ann")
    summarized("ann")
    given = {"connector": "webhook", "url": "https://app.example/", "purpose": "summaries"}
    Endpoint.objects.create(slug="crm", domain="demo", **given)
    Endpoint.objects.create(slug="elsewhere", domain="other", **given)
    [copy] = PART.elsewhere(subject_of("demo", "ann"))
    assert (copy.where, copy.what, copy.asked) == (
        "summaries:crm",
        "perhaps the summaries of 2 conversations",
        False,
    )
    record = erase(subject_of("demo", "ann"), by="test")
    assert copy.as_json() in record.elsewhere
    conversation(customer_ref="bob")
    assert PART.elsewhere(subject_of("demo", "bob")) == []
