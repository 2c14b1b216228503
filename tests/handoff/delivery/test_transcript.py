"""What a help desk reads of the conversation when a case is opened."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.delivery.transcript import CLAIM_CHECK_BYTES, size, with_transcript
from outbox.models import OutboxEvent
from persistence.claim_check import fetch
from persistence.claim_check.store import claims_store
from persistence.jsontext import dumps
from tests.handoff.delivery.support import another_worker, carry, endpoint_for, outcomes
from tests.handoff.support import ask, turn

KIB = 1024
ROOM = 48 * KIB - CLAIM_CHECK_BYTES


def sent(desk: Any, number: int = -1) -> tuple[dict[str, Any], bytes]:
    request = desk.requests[number]
    return request.json()["data"]["transcript"], request.body


@pytest.mark.django_db(transaction=True)
def test_a_short_conversation_is_in_the_body_whole(desk):
    endpoint = endpoint_for(desk)
    turn("my card was swallowed", "I am sorry.")
    ask("I want a person")
    carry(endpoint)
    transcript, _ = sent(desk)
    assert [(entry["seq"], entry["role"], entry["text"]) for entry in transcript["inline"]] == [
        (1, "user", "my card was swallowed"),
        (1, "assistant", "I am sorry."),
        (2, "user", "I want a person"),
        (2, "assistant", "I will get you one."),
    ]
    assert (transcript["complete"], transcript["count"], transcript["through_seq"]) == (True, 2, 2)
    assert transcript["sha256"] == hashlib.sha256(dumps(transcript["inline"]).encode()).hexdigest()
    assert "turns" not in transcript


@pytest.mark.django_db(transaction=True)
def test_of_a_longer_one_the_last_twelve_turns_are_in_sight_and_all_of_it_is_beside_them(desk):
    endpoint = endpoint_for(desk)
    for number in range(1, 15):
        turn(f"question {number}", "x" * 1500)
    ask()
    carry(endpoint)
    transcript, _ = sent(desk)
    assert [entry["seq"] for entry in transcript["inline"]] == [seq for seq in range(4, 16) for _ in range(2)]
    assert {len(entry["text"]) for entry in transcript["inline"] if entry["text"].startswith("x")} == {1000}
    assert transcript["complete"] is False
    assert [entry["seq"] for entry in transcript["turns"]] == [seq for seq in range(1, 16) for _ in range(2)]
    assert hashlib.sha256(dumps(transcript["turns"]).encode()).hexdigest() == transcript["sha256"]


@pytest.mark.django_db(transaction=True)
def test_a_long_one_goes_by_claim_check_and_the_fetched_bytes_are_what_the_body_promises(desk):
    endpoint = endpoint_for(desk)
    for number in range(1, 9):
        turn(f"question {number}", "x" * 10_000)
    ask()
    carry(endpoint)
    transcript, body = sent(desk)
    assert len(body) < 64 * KIB
    assert "turns" not in transcript
    found = fetch(transcript["claim_check"], store=claims_store())
    assert hashlib.sha256(dumps(found).encode()).hexdigest() == transcript["sha256"]
    assert sum(len(entry["text"]) for entry in found) > 80_000


@pytest.mark.django_db(transaction=True)
def test_every_try_of_an_event_carries_the_same_bytes_whatever_is_said_meanwhile(desk):
    endpoint = endpoint_for(desk)
    for number in range(1, 9):
        turn(f"question {number}", "x" * 10_000)
    ask()
    desk.fail("lose_answer")
    carry(endpoint)
    turn("are you there?", reply=None)
    another_worker(endpoint)
    first, second = desk.requests[:2]
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert outcomes(endpoint)[0] == ("failed", "connection_lost")


@pytest.mark.django_db(transaction=True)
def test_the_stored_event_holds_no_copy_of_what_was_said(desk):
    endpoint_for(desk)
    turn("a secret wish", "granted")
    turn("another", "granted")
    ask()
    event = OutboxEvent.objects.get(event_type="handoff.requested")
    assert event.payload["transcript"] == {"through_seq": 3, "count": 3}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("character", ["x", "é", "語", "🂡", "\x01", '"'])
def test_the_body_stays_below_its_limit_whatever_the_text_is_made_of(desk, character):
    endpoint = endpoint_for(desk)
    for _ in range(13):
        turn(character * 9_000, character * 9_000)
    ask(character * 9_000, reason=character * 4_000)
    carry(endpoint)
    transcript, body = sent(desk)
    assert len(body) < 64 * KIB
    assert transcript["inline"], "the last words are always in sight"
    assert transcript["claim_check"]["bytes"] > 100_000


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=300)


@given(st.lists(st.lists(texts, min_size=1, max_size=5), max_size=20), st.integers(1, 12))
def test_for_any_conversation_it_fits_is_in_order_and_says_whether_it_is_all(turns, times):
    entries = [
        {"seq": seq, "role": "user", "text": text * times, "created_at": "2026-11-21T10:00:00+00:00"}
        for seq, said in enumerate(turns, 1)
        for text in said
    ]
    payload = {"case_id": "c", "transcript": {"through_seq": len(turns), "count": len(turns)}}
    found = with_transcript(payload, entries, ROOM)
    transcript = found["transcript"]
    shown = transcript["inline"]
    without = {name: value for name, value in transcript.items() if name != "turns"}
    assert size(found | {"transcript": without}) <= ROOM
    seqs = [entry["seq"] for entry in shown]
    assert seqs == [entry["seq"] for entry in entries][len(entries) - len(seqs) :], "the last ones, in order"
    assert transcript["complete"] == (shown == entries) == ("turns" not in transcript)
    assert all(len(entry["text"]) <= 1000 for entry in shown)
    assert json.loads(dumps(found)) == found
