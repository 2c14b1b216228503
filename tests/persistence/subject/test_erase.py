"""Everything about one customer goes in one transaction, and nothing of anybody else."""

import pytest
from django.db import OperationalError, connection, transaction

from outbox.claim import claim
from outbox.destinations import destination
from outbox.forget import forget
from outbox.models import Lane
from persistence.archive.handler import ArchiveHandler
from persistence.errors import ErasureRefused, NotFound, PersistenceUnavailable, StaleControl, StaleSequence
from persistence.models import ClaimCheck, Conversation, ErasureRecord, TranscriptReading, Turn
from persistence.subject import erase as module
from persistence.subject.erase import erase
from persistence.subject.find import subject_of, subject_of_conversation
from persistence.subject.port import Elsewhere
from tests.persistence.subject.support import (
    CANARY,
    carry,
    customer,
    everything,
    in_thread,
    rows_about,
    tell_desk,
    wait_until_blocked,
)
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_row_of_any_table_knows_the_customer_afterwards_and_the_other_ones_rows_are_as_before():
    (turn, _) = customer(CANARY, said=f"{CANARY} said")
    (others, _) = customer("bob", said="bob said")
    carry()
    tell_desk(turn.conversation_id, CANARY)
    tell_desk(others.conversation_id, "bob")
    say(f"{CANARY} is not delivered yet", session_id=f"{CANARY} 0", customer_ref=CANARY)
    before = rows_about("bob")
    assert everything().count(CANARY) > 20

    record = erase(subject_of("demo", CANARY), by="user:eve")

    assert CANARY not in everything()
    assert rows_about("bob") == before
    assert record.reached["conversations"] == 2
    assert record.reached["turns"] == 7
    assert record.reached["readings"] == 2
    assert record.reached["claims"] == 1
    assert record.reached["events"] == record.reached["deliveries"] == 8


def test_the_record_says_what_was_there_and_not_whose_it_was():
    customer("ann", said="x")
    heads = {
        str(found.public_id): bytes(found.chain_head).hex() for found in Conversation.objects.order_by("id")
    }
    record = erase(subject_of("demo", "ann"), by="user:eve")
    stored = ErasureRecord.objects.get(pk=record.pk)
    assert {one["id"]: one["chain_head"] for one in stored.conversations} == heads
    assert [one["turns"] for one in stored.conversations] == [3, 3]
    assert (stored.domain, stored.requested_by, stored.finished_at) == ("demo", "user:eve", None)
    assert (stored.last_pass_after - stored.requested_at).total_seconds() >= 300
    assert "ann" not in str(ErasureRecord.objects.values()).replace("ErasureRecord", "")


def test_the_wait_for_late_writers_follows_the_longest_lease(settings):
    say(customer_ref="ann")
    patient = settings.OUTBOX_DESTINATIONS["scripted"] | {"lease": 900}
    settings.OUTBOX_DESTINATIONS = settings.OUTBOX_DESTINATIONS | {"scripted": patient}
    record = erase(subject_of("demo", "ann"), by="user:eve")
    assert (record.last_pass_after - record.requested_at).total_seconds() > 1800


def test_one_conversation_goes_and_the_rest_of_the_customer_stays():
    first, second = customer("ann", said="x")
    erase(subject_of_conversation("demo", first.conversation_id), by="user:eve")
    assert subject_of("demo", "ann").public_ids == [second.conversation_id]


def test_a_part_that_owes_something_keeps_everything_as_it_is(owing):
    customer("ann", said="x")
    owing.reasons = ["Case 7 is open. Close it first."]
    before = rows_about("ann")
    with pytest.raises(ErasureRefused, match=r"Nothing was erased\. Case 7") as caught:
        erase(subject_of("demo", "ann"), by="user:eve")
    assert caught.value.hindrances == ["Case 7 is open. Close it first."]
    assert rows_about("ann") == before
    assert not ErasureRecord.objects.exists()


def test_copies_in_other_hands_are_on_the_record_once_with_whether_they_were_asked(owing):
    say(customer_ref="ann")
    owing.copies = [Elsewhere("helpdesk:x", "17", "https://desk.example/17")]
    record = erase(subject_of("demo", "ann"), by="user:eve")
    told = {"where": "helpdesk:x", "what": "17", "url": "https://desk.example/17", "asked": True}
    assert record.elsewhere == [told]


def test_erasing_twice_finds_nobody_the_second_time():
    say(customer_ref="ann")
    subject = subject_of("demo", "ann")
    erase(subject, by="user:eve")
    with pytest.raises(NotFound):
        erase(subject, by="user:eve")
    assert ErasureRecord.objects.count() == 1


def test_an_error_half_way_leaves_all_of_it_in_place(monkeypatch):
    customer("ann", said="x")
    before = rows_about("ann")

    def fail(*_):
        raise OperationalError("the server went away")

    monkeypatch.setattr(module, "write_record", fail)
    with pytest.raises(PersistenceUnavailable):
        erase(subject_of("demo", "ann"), by="user:eve")
    assert rows_about("ann") == before


def test_a_conversation_that_began_meanwhile_belongs_to_it():
    say(customer_ref="ann")
    subject = subject_of("demo", "ann")
    say(customer_ref="ann", session_id="later")
    record = erase(subject, by="user:eve")
    assert record.reached["conversations"] == 2
    assert not Conversation.objects.exists()


def test_a_conversation_that_somebody_else_has_taken_over_meanwhile_is_left_alone():
    say(customer_ref="ann")
    say(customer_ref="ann", session_id="handed on")
    subject = subject_of("demo", "ann")
    say(customer_ref="bob", session_id="handed on")
    erase(subject, by="user:eve")
    assert Conversation.objects.get().customer_ref == "bob"


def test_a_conversation_that_commits_while_the_others_are_waited_for_is_erased_too():
    say(customer_ref="ann")
    subject = subject_of("demo", "ann")
    with transaction.atomic():
        Conversation.objects.select_for_update().get()
        erasing = in_thread(lambda: erase(subject, by="user:eve"))
        wait_until_blocked()
        assert in_thread(lambda: say(customer_ref="ann", session_id="meanwhile"))().seq == 1
    assert erasing().reached["conversations"] == 2
    assert not Turn.objects.exists()


def half_erased(subject, act):
    """Run ``act`` in another connection while an erasure holds everything, commit, and return what it came to."""
    with transaction.atomic():
        found = module.locked(subject)
        forget(module.keys_of(found, module.parts()))
        for part in module.parts():
            part.erase(found)
        waiting = in_thread(act)
        wait_until_blocked()
    return waiting()


def test_a_turn_that_waits_for_an_erasure_opens_a_new_conversation_and_is_whole():
    before = say(customer_ref="ann")
    after = half_erased(subject_of("demo", "ann"), lambda: say("and then", customer_ref="ann"))
    assert after.conversation_id != before.conversation_id
    assert (after.seq, after.replayed) == (1, False)
    assert Turn.objects.get().turn_id == after.turn_id
    conversation = Conversation.objects.get()
    assert (conversation.last_seq, conversation.customer_ref) == (1, "ann")
    assert carry() == 1


@pytest.mark.parametrize(
    ("known", "error"), [({"expected_seq": 1}, StaleSequence), ({"control_epoch": 3}, StaleControl)]
)
def test_a_turn_that_counts_on_what_was_erased_is_refused_and_the_retry_is_stored(known, error):
    say(customer_ref="ann")
    outcome = half_erased(subject_of("demo", "ann"), lambda: say(customer_ref="ann", request_id="r", **known))
    assert isinstance(outcome, error)
    assert not Turn.objects.exists()
    present = outcome.current()
    current = {"expected_seq": present.get("last_seq"), "control_epoch": present.get("control_epoch")}
    assert say(customer_ref="ann", request_id="r", **current).seq == 1


def test_a_request_that_is_repeated_after_the_erasure_is_a_new_turn():
    say(customer_ref="ann", request_id="r")
    erase(subject_of("demo", "ann"), by="user:eve")
    assert not say(customer_ref="ann", request_id="r").replayed


def test_an_erasure_that_cannot_have_the_lock_changes_nothing_and_can_be_tried_again():
    say(customer_ref="ann")
    subject = subject_of("demo", "ann")
    with transaction.atomic():
        Conversation.objects.select_for_update().get()
        outcome = in_thread(lambda: erase(subject, by="user:eve"))()
        assert isinstance(outcome, PersistenceUnavailable)
    assert erase(subject, by="user:eve").reached["turns"] == 1


def test_a_worker_that_holds_a_turn_of_an_erased_conversation_marks_nothing_and_settles_nothing():
    say(customer_ref="ann")
    archive = destination("archive")
    held = claim(archive)
    handler = ArchiveHandler(archive)
    erase(subject_of("demo", "ann"), by="user:eve")
    outcomes = handler.deliver([lane.deliveries for lane in held], lambda: True)
    assert [type(outcome).__name__ for outcome in outcomes.values()] == ["Parked"]
    assert Lane.objects.get().parked_reason == ""
    assert not claim(archive)


def test_who_read_the_transcript_is_erased_with_it_and_claims_rows_with_their_events():
    (turn,) = customer("ann", said="x", sessions=1)
    tell_desk(turn.conversation_id, "x")
    record = erase(subject_of("demo", "ann"), by="user:eve")
    assert not TranscriptReading.objects.exists()
    assert not ClaimCheck.objects.exists()
    assert len(record.claims) == 1


def test_a_statement_may_take_longer_only_inside_the_erasure():
    say(customer_ref="ann")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
        erase(subject_of("demo", "ann"), by="user:eve", statement_seconds=600)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == before
