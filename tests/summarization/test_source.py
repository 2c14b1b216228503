"""What a summariser gets to see of a conversation."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from persistence.models import Conversation, Turn
from persistence.privacy.redaction import REDACTION_VERSION
from persistence.subject.erase import erase
from persistence.subject.find import subject_of_conversation
from summarization import source
from summarization.draft import Said
from summarization.source import PAGE, read_source, read_sources, said_in
from tests.summarization.support import conversation, read, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_everything_that_was_said_is_read_in_order():
    pk = conversation(
        ("where is it?", "on its way"), ("since when?", "since Monday"), channel="whatsapp", customer_ref="c"
    )
    found = read(pk)
    stored = Conversation.objects.get(pk=pk)
    assert [turn.seq for turn in found.turns] == [1, 2]
    assert found.turns[1].said == (Said("user", "since when?"), Said("assistant", "since Monday"))
    assert (found.conversation_pk, found.conversation_id, found.domain) == (pk, stored.public_id, "demo")
    assert (found.channel, found.customer_ref, found.control, found.to_seq) == ("whatsapp", "c", "bot", 2)
    assert (found.last_turn_at, found.redaction_version) == (stored.last_turn_at, REDACTION_VERSION)


def test_what_the_app_said_to_itself_and_what_is_empty_is_left_out():
    said = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
        {"role": "tool", "content": '{"rows": 4}'},
        {"role": "assistant", "content": " \n"},
        {"role": "agent", "content": "I am Ben"},
    ]
    say(None, session_id="s", messages=said)
    recorded = say(None, session_id="s", messages=said[:1])
    found = read(Conversation.objects.get(public_id=recorded.conversation_id).pk)
    assert [turn.said for turn in found.turns] == [(Said("user", "hello"), Said("agent", "I am Ben"))]
    assert found.to_seq == 2


def test_what_an_older_release_redacted_less_is_redacted_again():
    pk = conversation(("my mail is marta@example.com", "thanks"))
    Turn.objects.filter(conversation_id=pk).update(
        redaction_version=0, messages=[{"role": "user", "content": "marta@example.com, 4111 1111 1111 1111"}]
    )
    assert read(pk).turns[0].said == (Said("user", "[EMAIL], [CARD]"),)
    assert read_sources([pk])[pk] == read(pk)


@pytest.mark.parametrize("secret", ["4111 1111 1111 1111", "marta@example.com"])
def test_half_of_what_is_redacted_is_not_left_at_the_end_of_a_text_that_is_cut(secret):
    messages = json.dumps([{"role": "user", "content": f"call {secret}"}])
    for longest in range(1, 30):
        [said] = said_in(messages, 0, longest=longest)
        assert not {"4111 1", "marta"} & {said.text[5:11], said.text[5:10]}


def test_a_conversation_is_read_no_further_than_asked_and_no_further_than_it_goes():
    pk = conversation(*[("what?", "that")] * 5)
    assert [turn.seq for turn in read_source(pk, to_seq=3).turns] == [1, 2, 3]
    assert read_source(pk, to_seq=3).to_seq == 3
    assert read_source(pk, to_seq=99).to_seq == 5


def test_a_conversation_that_is_not_there_is_nothing():
    assert read_source(4_711) is None
    assert read_sources([4_711]) == {}


def test_a_long_conversation_is_read_in_pages(monkeypatch):
    monkeypatch.setattr(source, "PAGE", 3)
    pk = conversation(*[(f"question {number}", "answer") for number in range(7)])
    with CaptureQueriesContext(
        connection,
    ) as statements:
        found = read(pk)
    assert [turn.seq for turn in found.turns] == list(range(1, 8))
    assert len(statements) == 1 + 3
    assert not connection.in_atomic_block


def test_many_conversations_are_read_together_in_few_statements():
    pks = [conversation(customer_ref=f"c{number}") for number in range(12)]
    with CaptureQueriesContext(connection) as statements:
        found = read_sources([*pks, 4_711])
    assert len(statements) == 2
    assert found == {pk: read(pk) for pk in pks}


def test_long_conversations_are_left_to_be_read_alone(monkeypatch):
    short, long = conversation(), conversation(*[("what?", "that")] * 4)
    monkeypatch.setattr(source, "PAGE", 3)
    assert set(read_sources([short, long])) == {short}


def test_what_does_not_fit_beside_the_others_is_left_to_be_read_alone(monkeypatch):
    pks = [conversation(("x" * 1_000, "y")) for _ in range(4)]
    monkeypatch.setattr(source, "MOST_BATCH_BYTES", 2_500)
    assert list(read_sources(pks)) == pks[:2]


def test_one_page_holds_several_conversations_but_no_more_turns_than_it_has_room_for(monkeypatch):
    pks = [conversation() for _ in range(4)]
    monkeypatch.setattr(source, "PAGE", 4)
    with CaptureQueriesContext(connection) as statements:
        assert list(read_sources(pks)) == pks
    assert len(statements) == 1 + 2


def test_a_conversation_that_is_erased_between_two_pages_has_no_more_to_say(monkeypatch):
    monkeypatch.setattr(source, "PAGE", 2)
    pk = conversation(*[("what?", "that")] * 5)
    public_id = Conversation.objects.get(pk=pk).public_id
    pages = source._pages(pk, 5)
    assert [next(pages)[0], next(pages)[0]] == [1, 2]
    erase(subject_of_conversation("demo", public_id), by="test")
    assert list(pages) == []
    assert PAGE == 200
