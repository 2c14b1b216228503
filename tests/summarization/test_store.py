"""Settling: all of it or nothing, and the better summary stays."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from outbox.models import Delivery, OutboxEvent
from persistence.models import Conversation
from summarization.draft import Statement
from summarization.models import ConversationSummary
from summarization.store import settle
from tests.summarization.support import claimed, composed, conversation, draft, item, read, say, told

pytestmark = pytest.mark.django_db(transaction=True)
FALLBACK = {
    "backend": "extractive",
    "fallback_for": "openai",
    "failure": "timeout",
    "detail": "It took too long.",
}


def summarised(pk: int, *args: Any, **given: Any) -> ConversationSummary:
    found = settle(claimed(pk), read(pk), composed(*args, **given))
    assert found is not None
    return found


def test_a_summary_is_stored_with_all_that_is_known_about_it():
    pk = conversation()
    returned = summarised(pk)
    stored = ConversationSummary.objects.get(conversation_id=pk)
    assert returned == stored
    assert (stored.from_seq, stored.to_seq, stored.source_turn_count, stored.number) == (1, 2, 2, 1)
    assert (stored.problem, stored.solution) == (
        "Parcel 4711 has not arrived.",
        "A new parcel leaves tomorrow.",
    )
    assert (stored.topics, stored.open_questions) == (
        ["customs in Lisbon", "another one"],
        ["Can you send another one?"],
    )
    assert stored.citations == [1, 2]
    assert stored.support == {
        "problem": [1],
        "solution": [2],
        "topics": [[1], [1, 2]],
        "open_questions": [[2]],
    }
    assert (stored.status, stored.status_because, stored.language) == (
        "resolved",
        "case closed as resolved",
        "en",
    )
    assert (stored.backend, stored.model, stored.prompt_version) == ("openai", "m-1", "p1")
    assert (stored.tokens_in, stored.tokens_out, stored.cost_usd) == (900, 80, Decimal("0.001234"))
    assert (bytes(stored.input_hash), stored.duration_ms) == (b"h" * 32, 1_500)
    assert stored.summarized_at == returned.summarized_at
    assert (item(pk).state, item(pk).tokens_in, item(pk).cost_usd) == ("done", 900, Decimal("0.001234"))


def test_whoever_listens_hears_the_whole_record():
    pk = conversation(customer_ref="marta")
    stored = summarised(pk)
    public_id = str(Conversation.objects.get(pk=pk).public_id)
    [payload] = told()
    assert payload == {
        "conversation_id": public_id,
        "domain": "demo",
        "channel": "web",
        "customer_ref": "marta",
        "number": 1,
        "covers": [1, 2],
        "source_turn_count": 2,
        "problem": stored.problem,
        "solution": stored.solution,
        "status": "resolved",
        "status_because": "case closed as resolved",
        "topics": stored.topics,
        "open_questions": stored.open_questions,
        "citations": [1, 2],
        "support": stored.support,
        "language": "en",
        "redaction_version": stored.redaction_version,
        "backend": "openai",
        "model": "m-1",
        "prompt_version": "p1",
        "fallback_for": "",
        "input_hash": ("h" * 32).encode().hex(),
        "tokens_in": 900,
        "tokens_out": 80,
        "cost_usd": "0.001234",
        "duration_ms": 1_500,
        "summarized_at": stored.summarized_at.isoformat(),
    }
    event = OutboxEvent.objects.get(event_type="conversation.summarized")
    assert (event.ordering_key, event.ordering_seq) == (public_id, 2)
    assert event.idempotency_key == f"summary:{public_id}:1"
    assert Delivery.objects.filter(event=event).values_list("lane__destination", flat=True).get() == "archive"


def test_a_later_summary_replaces_the_earlier_one_and_counts_on():
    pk = conversation(session_id="s")
    first = summarised(pk)
    say("And the money?", "It is on its way.", session_id="s")
    second = summarised(pk, draft("And the money?", 3))
    assert (second.pk, second.number, second.to_seq, second.topics) == (first.pk, 2, 3, [])
    assert ConversationSummary.objects.get().problem == "And the money?"
    assert [payload["covers"] for payload in told()] == [[1, 2], [1, 3]]


def test_what_is_said_meanwhile_is_not_covered():
    pk = conversation(session_id="s")
    claim, source = claimed(pk), read(pk)
    say("And the money?", "It is on its way.", session_id="s")
    assert settle(claim, source, composed()).to_seq == 2
    assert Conversation.objects.get(pk=pk).last_seq == 3
    assert (item(pk).state, item(pk).to_seq) == ("done", 2)


def test_an_older_reading_never_replaces_a_newer_one():
    pk = conversation(session_id="s")
    early = read(pk)
    say("And the money?", "It is on its way.", session_id="s")
    newer = summarised(pk, draft("And the money?", 3))
    kept = settle(claimed(pk), early, composed())
    assert (kept, kept.number, kept.problem) == (newer, 1, "And the money?")
    assert len(told()) == 1
    assert item(pk).state == "done"


@pytest.mark.parametrize("poison", ["NUL \x00 here", "half a pair \ud800"])
def test_what_postgres_refuses_fails_alone_and_the_next_one_is_stored(poison):
    bad, good = conversation(), conversation()
    assert settle(claimed(bad), read(bad), composed(draft(poison))) is None
    assert (item(bad).state, item(bad).reason, item(bad).failures) == ("failed", "not_storable", 1)
    assert "here" not in item(bad).detail
    assert "pair" not in item(bad).detail
    assert item(bad).tokens_in == 900
    assert summarised(good).number == 1
    assert ConversationSummary.objects.count() == 1


def test_a_record_that_does_not_fit_into_an_event_is_not_stored():
    pk = conversation()
    huge = draft(topics=tuple(Statement("é" * 1_000, (1,)) for _ in range(40)))
    assert settle(claimed(pk), read(pk), composed(huge)) is None
    assert (item(pk).reason, item(pk).detail) == (
        "not_storable",
        "Postgres refused it: the record is larger than 64 KiB.",
    )
    assert not ConversationSummary.objects.exists()


def test_a_failure_keeps_the_fallbacks_summary_and_its_reason():
    pk = conversation()
    stored = summarised(pk, **FALLBACK)
    assert (stored.backend, stored.fallback_for) == ("extractive", "openai")
    assert (item(pk).state, item(pk).reason, item(pk).detail) == ("failed", "timeout", "It took too long.")
    assert item(pk).failures == 1
    assert [payload["fallback_for"] for payload in told()] == ["openai"]


def test_an_outage_is_not_counted_against_the_conversation_but_a_try_that_was_paid_for_is():
    for tokens_in, failures in ((0, 0), (400, 1)):
        pk = conversation()
        settle(
            claimed(pk),
            read(pk),
            composed(draft(), failure="timeout", unavailable=True, tokens_in=tokens_in),
        )
        assert (item(pk).state, item(pk).failures) == ("failed", failures)


def test_without_any_draft_only_the_failure_is_kept():
    pk = conversation()
    assert (
        settle(claimed(pk), read(pk), composed(None, failure="timeout", detail="It took too long.")) is None
    )
    assert (item(pk).state, item(pk).reason) == ("failed", "timeout")
    assert told() == []


def test_a_fallback_never_replaces_a_full_summary_of_the_same_turns():
    pk = conversation()
    full = summarised(pk)
    kept = summarised(pk, draft("Can you send another one?", 2), **FALLBACK)
    assert (kept, kept.problem, kept.number) == (full, full.problem, 1)
    assert item(pk).state == "failed"
    assert len(told()) == 1


def test_a_fallback_replaces_what_does_not_cover_the_newest_turns_and_is_replaced_by_a_full_summary():
    pk = conversation(session_id="s")
    summarised(pk)
    say("And the money?", "It is on its way.", session_id="s")
    assert summarised(pk, draft("And the money?", 3), **FALLBACK).fallback_for == "openai"
    full = summarised(pk)
    assert (full.fallback_for, full.number, full.to_seq) == ("", 3, 3)
    assert (item(pk).state, item(pk).reason, item(pk).detail) == ("done", "", "")


def test_nothing_of_it_runs_inside_somebody_elses_transaction():
    pk = conversation()
    claim, source = claimed(pk), read(pk)
    with transaction.atomic(), pytest.raises(RuntimeError):
        settle(claim, source, composed())


def test_the_figures_of_a_second_try_replace_those_of_the_first():
    pk = conversation()
    summarised(pk, **FALLBACK)
    summarised(pk, tokens_in=7)
    assert item(pk).tokens_in == 7
