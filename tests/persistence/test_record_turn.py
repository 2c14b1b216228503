"""The one way in for a turn, against the real database, and from several threads where that is the point."""

import hashlib
import threading

import pytest
from django.db import connection, transaction

from outbox.models import Delivery, OutboxEvent
from persistence.content import first_digest
from persistence.errors import (
    InvalidTurn,
    PersistenceUnavailable,
    RequestIdReused,
    StaleControl,
    StaleSequence,
)
from persistence.history import history
from persistence.models import Conversation, Turn
from persistence.requests import turn_request
from persistence.turns import write_turn
from tests.persistence.support import conversation_of, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_turn_its_event_and_its_delivery_are_there_together():
    turn = say()
    event = OutboxEvent.objects.get()
    assert event.ordering_key == str(turn.conversation_id)
    assert event.payload == {
        "conversation_id": str(turn.conversation_id),
        "turn_id": str(turn.turn_id),
        "seq": 1,
    }
    assert Delivery.objects.get(event=event).lane.destination == "archive"
    assert Turn.objects.get(pk=turn.turn_id).seq == 1


def test_a_server_connection_that_does_not_know_the_statement_is_taught_and_the_turn_is_stored():
    """What happens behind a transaction pooler: each statement may meet another server connection."""
    say()
    for forget in ("DEALLOCATE ALL", "DISCARD PLANS", "DEALLOCATE ALL"):
        with connection.cursor() as cursor:
            cursor.execute(forget)
        say()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = 'holdfast_record_turn_3'")
        assert cursor.fetchone() == (1,)
    assert [turn.seq for turn in Turn.objects.order_by("seq")] == [1, 2, 3, 4]


def test_write_turn_inside_a_callers_transaction_shares_its_fate():
    request = turn_request(
        {
            "channel": "web",
            "session_id": "s",
            "request_id": "r",
            "messages": [{"role": "user", "content": "x"}],
        }
    )
    with pytest.raises(LookupError), transaction.atomic():
        write_turn("demo", request)
        raise LookupError("the caller failed after it")
    assert not Turn.objects.exists()
    with transaction.atomic():
        assert write_turn("demo", request).seq == 1
    assert Turn.objects.count() == OutboxEvent.objects.count() == 1


def test_the_event_carries_no_text_of_the_conversation():
    say("a very particular sentence")
    assert "particular" not in str(OutboxEvent.objects.values())


def test_record_turn_refuses_to_hide_inside_another_transaction():
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        say()


def test_turns_of_a_conversation_are_numbered_without_a_gap():
    assert [say().seq for _ in range(5)] == [1, 2, 3, 4, 5]
    assert Conversation.objects.get().last_seq == 5


def test_the_same_session_on_another_channel_or_in_another_domain_is_another_conversation():
    ids = {
        say().conversation_id,
        say(channel="whatsapp").conversation_id,
        say(domain="other").conversation_id,
    }
    assert len(ids) == 3


def test_a_repeated_request_gives_the_first_turn_even_when_the_model_answers_differently():
    first = say("hello", "one answer", request_id="r")
    again = say("hello", "another answer", request_id="r")
    assert (again.turn_id, again.seq, again.replayed) == (first.turn_id, 1, True)
    assert Turn.objects.get().messages[1]["content"] == "one answer"
    assert OutboxEvent.objects.count() == 1


@pytest.mark.parametrize("change", [{"text": "other words"}, {"session_id": "another"}, {"channel": "voice"}])
def test_a_request_id_with_other_content_is_refused_and_nothing_is_stored(change):
    say(request_id="r")
    with pytest.raises(RequestIdReused, match="'r'"):
        say(**({"request_id": "r"} | change))
    assert Turn.objects.count() == 1
    assert Conversation.objects.count() == 1


def test_the_same_request_id_in_another_domain_is_another_request():
    say(request_id="r")
    assert not say(request_id="r", domain="other").replayed


def test_a_stale_expected_seq_is_refused_with_the_present_one():
    say()
    say()
    with pytest.raises(StaleSequence) as refused:
        say(expected_seq=1)
    assert refused.value.current() == {"last_seq": 2}
    assert say(expected_seq=2).seq == 3


def test_a_new_conversation_stands_at_turn_0_and_epoch_0():
    with pytest.raises(StaleSequence) as refused:
        say(expected_seq=3)
    assert refused.value.last_seq == 0
    with pytest.raises(StaleControl):
        say(control_epoch=1)
    assert not Conversation.objects.exists()
    assert say(expected_seq=0, control_epoch=0).seq == 1


def test_a_turn_of_an_older_control_epoch_is_refused_with_the_present_state():
    say()
    Conversation.objects.update(control="human", control_epoch=3)
    with pytest.raises(StaleControl) as refused:
        say(control_epoch=2)
    assert refused.value.current() == {"control": "human", "control_epoch": 3}
    assert say(control_epoch=3, messages=[{"role": "user", "content": "still there?"}]).control == "human"


def test_while_a_human_speaks_the_assistant_does_not_even_under_the_present_epoch():
    say()
    Conversation.objects.update(control="human", control_epoch=3)
    for claimed in (3, None):
        with pytest.raises(StaleControl):
            say(control_epoch=claimed)
    assert Turn.objects.count() == 1


def test_a_retry_is_answered_even_when_its_expectations_are_stale_by_now():
    first = say(request_id="r", expected_seq=0, control_epoch=0)
    say()
    Conversation.objects.update(control_epoch=7)
    assert say(request_id="r", expected_seq=0, control_epoch=0).turn_id == first.turn_id


def test_after_a_conversation_is_closed_the_session_opens_a_new_one_and_retries_still_find_the_old_one():
    old = say(request_id="r")
    Conversation.objects.update(control="closed")
    assert say(request_id="r").turn_id == old.turn_id
    assert say().conversation_id != old.conversation_id


def test_every_turn_extends_the_chain_that_starts_at_the_conversations_id():
    turns = [say(f"message {number}") for number in range(4)]
    conversation = conversation_of(turns[0])
    head = first_digest(conversation.conversation_id)
    for stored in Turn.objects.order_by("seq"):
        assert bytes(stored.prev_digest) == head
        head = hashlib.sha256(head + bytes(stored.content_digest)).digest()
        assert bytes(stored.digest) == head
    assert bytes(conversation.chain_head) == head


def test_raw_session_ids_cards_and_mail_addresses_never_reach_the_database():
    say("pay with 4111 1111 1111 1111", "mail ann@example.com", session_id="visitor-+5511999998888")
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ''), '') FROM \"{table}\" AS t")
            text = cursor.fetchone()[0]
            assert "4111" not in text and "ann@" not in text and "5511999998888" not in text, table
    assert Turn.objects.get().messages[0]["content"] == "pay with [CARD]"


def test_ids_in_metadata_survive_redaction_and_texts_do_not():
    metadata = {"order_id": "4111111111111111", "note": "card 4111111111111111", "n": 3}
    say(metadata=metadata, references=[{"url": "x", "text": "a@example.com"}])
    turn = Turn.objects.get()
    assert turn.metadata == {"order_id": "4111111111111111", "note": "card [CARD]", "n": 3}
    assert turn.references == [{"url": "x", "text": "[EMAIL]"}]


def test_every_fact_comes_back_as_it_was_given():
    facts = {
        "confidence": 0.82,
        "escalated": True,
        "reason_codes": ["low_confidence"],
        "references": [{"doc": "a", "p": 1}],
        "error_code": "timeout",
        "model": "m-1",
        "latency_ms": 3100,
        "tokens_in": 1800,
        "tokens_out": 120,
        "metadata": {"a": [1, 2.5, None, True, "ü"], "b": {"c": "d"}},
        "customer_ref": "c-7",
    }
    tool = {"role": "tool", "content": "42", "tool_call_id": "t-1", "name": "calc"}
    (found,) = history(conversation_of(say(messages=[{"role": "user", "content": "q"}, tool], **facts)))
    assert {name: getattr(found, name) for name in facts} == facts
    assert found.messages[1] == tool


def test_history_reads_on_and_back_from_any_place():
    turns = [say(str(number)) for number in range(1, 11)]
    conversation = conversation_of(turns[0])

    def seqs(**where):
        return [turn.seq for turn in history(conversation, **where)]

    assert seqs(limit=3) == [1, 2, 3]
    assert seqs(after_seq=3, limit=3) == [4, 5, 6]
    assert seqs(before_seq=11, limit=3) == [8, 9, 10]
    assert seqs(before_seq=3) == [1, 2]
    assert seqs(after_seq=10) == seqs(before_seq=1) == []
    with pytest.raises(InvalidTurn):
        seqs(after_seq=1, before_seq=3)
    with pytest.raises(InvalidTurn):
        seqs(limit=0)


def test_a_session_that_began_under_an_earlier_secret_carries_on_after_rotation(settings):
    settings.HASH_SECRET = "1:an-old-secret-of-some-length"
    before = say(request_id="r")
    settings.HASH_SECRET = "2:a-new-secret-of-some-length,1:an-old-secret-of-some-length"
    after = say()
    assert (after.conversation_id, after.seq) == (before.conversation_id, 2)
    assert say(request_id="r").replayed
    say(session_id="new")
    assert sorted(Conversation.objects.values_list("hash_version", flat=True)) == [1, 2]


def test_a_database_that_does_not_answer_is_told_from_a_request_that_is_wrong(settings):
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '50ms'")
    blocker_holds, may_finish = threading.Event(), threading.Event()
    say()

    def hold_the_conversation():
        with transaction.atomic():
            Conversation.objects.select_for_update().get()
            blocker_holds.set()
            may_finish.wait()
        connection.close()

    thread = threading.Thread(target=hold_the_conversation)
    thread.start()
    blocker_holds.wait()
    try:
        with pytest.raises(PersistenceUnavailable, match="same request_id"):
            say(request_id="held")
    finally:
        may_finish.set()
        thread.join()
    assert not say(request_id="held").replayed
