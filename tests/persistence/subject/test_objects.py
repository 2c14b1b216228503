"""What lies off-box of an erased customer goes, at once and once more, and nothing of anybody else does."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone

from outbox import attempts
from outbox.claim import claim
from outbox.destinations import destination
from outbox.enqueue import enqueue
from outbox.models import DeliveryAttempt
from persistence.archive.objects import encode
from persistence.archive.restore import restore
from persistence.archive.rows import turns_in_key_order
from persistence.archive.store import configured_sink
from persistence.archive.verify import verify
from persistence.claim_check.layer import check_in
from persistence.claim_check.split import Options, split
from persistence.claim_check.store import claims_store, close_stores
from persistence.claim_check.sweep import sweep
from persistence.models import ClaimCheck, Conversation, ErasureRecord, Turn
from persistence.subject import objects as module
from persistence.subject.erase import erase
from persistence.subject.find import subject_of, subject_of_conversation
from persistence.subject.objects import back_off, failed_stores, finish, finish_open
from persistence.tasks import finish_erasures
from tests.persistence.claim_check.support import pass_everything
from tests.persistence.subject.support import (
    CANARY,
    LARGE,
    carry,
    customer,
    files_below,
    pass_time,
    tell_desk,
)
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def erased(stores):
    """A customer who was erased beside one who was not, both archived and told to a desk; returns the record."""
    for ref in (CANARY, "bob"):
        turns = customer(ref, said=f"{ref} said")
        carry()
        tell_desk(turns[0].conversation_id, ref)
    return erase(subject_of("demo", CANARY), by="user:eve")


def foreign():
    return verify(configured_sink()).foreign


def settings_without_archive(settings, stores):
    """Put a file where the archive's directory was: every call to it fails."""
    archive = stores / "archive"
    archive.rename(stores / "away")
    archive.write_text("in the way")
    return lambda: (archive.unlink(), (stores / "away").rename(archive))


def test_the_first_pass_deletes_every_object_of_theirs_and_none_of_others(erased, stores):
    before = files_below(stores)
    mine = {UUID(one["id"]) for one in erased.conversations}
    assert sum(any(str(one) in path for one in mine) for path in before) == 6
    assert sum(CANARY.encode() in body for body in before.values()) == 7
    record = finish(erased)
    left = files_below(stores)
    assert not [path for path, body in left.items() if CANARY.encode() in body]
    assert left == {path: before[path] for path in left}
    assert len(before) - len(left) == 7
    assert (record.objects_deleted, record.last_error, record.finished_at) == (6, "", None)


def test_until_then_verify_names_what_is_left_and_afterwards_it_is_clean(erased):
    assert len(foreign()) == 6
    finish(erased)
    assert verify(configured_sink()).ok


def test_a_record_is_open_until_a_pass_that_began_after_nobody_can_write_any_more(erased):
    record = finish(erased)
    assert record.next_pass_at == record.last_pass_after
    assert finish(record).finished_at is None
    assert finish_open() == 0
    pass_time(record, hours=1)
    assert finish_open() == 1
    record.refresh_from_db()
    assert record.finished_at is not None
    assert (record.claims, record.late, record.last_error) == ([], {}, "")
    assert len(record.conversations) == 2
    assert finish_open() == 0


def test_an_object_that_a_late_worker_stored_goes_with_the_last_pass(stores):
    customer(CANARY, said=CANARY, sessions=1)
    read_before = [turn for turn, *_ in turns_in_key_order()]
    record = finish(erase(subject_of("demo", CANARY), by="user:eve"))
    for turn in read_before:
        configured_sink().put_if_absent(turn.key, encode(turn))
    assert len(foreign()) == 3
    pass_time(record, hours=1)
    finish_erasures()
    assert not files_below(stores)
    record.refresh_from_db()
    assert record.objects_deleted == 3


def test_a_claim_and_a_log_that_a_late_worker_wrote_go_with_the_last_pass(stores):
    (turn,) = customer("ann", said="x", sessions=1, turns=1)
    from_desk = destination("scripted")
    event_id = tell_desk_later(turn.conversation_id)
    (held,) = claim(from_desk)
    record = finish(erase(subject_of("demo", "ann"), by="user:eve"))
    check_in(event_id, split(event_id, held.deliveries[0].payload, Options(over=100)))
    attempts.finish(attempts.begin(from_desk, held.deliveries[0]), outcome="failed", excerpt="x")
    assert files_below(stores / "claims")
    pass_time(record, hours=1)
    assert finish(record).finished_at is not None
    assert not files_below(stores / "claims")
    assert not ClaimCheck.objects.exists()
    assert not DeliveryAttempt.objects.exists()


def tell_desk_later(conversation_id):
    """Enqueue a large event and leave it waiting."""
    with transaction.atomic():
        return enqueue(
            "told", {"case_id": "c", "text": LARGE}, ordering_key=str(conversation_id), ordering_seq=1
        )


def test_a_sweeper_of_claims_before_or_after_is_harmless(erased):
    pass_everything(days=30)
    sweep(claims_store(), grace_seconds=0, abandoned_seconds=0)
    pass_time(erased, hours=1)
    assert finish(erased).finished_at is not None
    sweep(claims_store(), grace_seconds=0, abandoned_seconds=0)


def test_a_restore_from_the_archive_does_not_bring_the_customer_back(erased):
    finish(erased)
    Turn.objects.all()._raw_delete("default")
    Conversation.objects.all().delete()
    assert restore(configured_sink()).conversations == 2
    assert set(Conversation.objects.values_list("customer_ref", flat=True)) == {"bob"}


def test_a_conversation_whose_id_begins_alike_keeps_its_objects(stores):
    first = say("mine")
    second = say("not mine", session_id="other")
    carry()
    assert str(first.conversation_id)[:6] == str(second.conversation_id)[:6]
    finish(erase(subject_of_conversation("demo", first.conversation_id), by="user:eve"))
    (path,) = files_below(stores / "archive")
    assert str(second.conversation_id) in path


def test_a_store_that_is_out_is_named_with_what_to_do_and_asked_again_later(erased, stores, settings):
    repaired = settings_without_archive(settings, stores)
    record = finish(erased)
    assert record.failures == 1
    assert set(failed_stores(record)) == {"archive"}
    assert "blocked_path" in record.last_error
    assert "move it away" in record.last_error
    assert timedelta(seconds=50) < record.next_pass_at - timezone.now() <= timedelta(seconds=60)
    assert not files_below(stores / "claims").keys() & set(record.claims), (
        "the other store was asked all the same"
    )
    assert finish(record).failures == 1, "nobody asks before it is time"
    repaired()
    pass_time(record, hours=1)
    record = finish(record)
    assert (record.failures, record.last_error) == (0, "")
    assert record.finished_at is not None
    assert verify(configured_sink()).ok


def test_credentials_that_may_not_delete_leave_the_record_open_and_say_so(s3):
    customer(CANARY, said=CANARY, sessions=1)
    carry()
    record = erase(subject_of("demo", CANARY), by="user:eve")
    s3.fail("status", status=403, methods=["DELETE"])
    record = finish(record)
    assert record.last_error.startswith("archive: forbidden: ")
    assert "delete" in record.last_error
    assert len(s3.objects()) == 3
    s3.heal()
    pass_time(record, minutes=1)
    record = finish(record)
    assert (record.objects_deleted, record.last_error) == (3, "")
    assert not s3.objects()


def test_one_object_that_cannot_go_keeps_no_other_from_going(s3):
    customer(CANARY, said=CANARY, sessions=1, turns=20)
    carry()
    record = erase(subject_of("demo", CANARY), by="user:eve")
    s3.fail("status", status=400, methods=["DELETE"], key_contains=".0000000002.")
    record = finish(record)
    assert len(s3.objects()) == 1
    assert (record.objects_deleted, record.failures) == (19, 1)


def test_claims_in_a_bucket_go_too_and_those_of_others_stay(s3):
    (mine,) = customer(CANARY, said=CANARY, sessions=1)
    (others,) = customer("bob", said="bob", sessions=1)
    tell_desk(mine.conversation_id, CANARY)
    tell_desk(others.conversation_id, "bob")
    close_stores()
    finish(erase(subject_of("demo", CANARY), by="user:eve"))
    (left,) = [key for key in s3.objects() if "claims/" in key]
    assert ClaimCheck.objects.get().key in left


def test_a_pass_that_is_out_of_time_stops_and_the_next_one_goes_on(erased, stores, monkeypatch):
    record = finish(erased, seconds=0)
    assert (record.objects_deleted, record.last_error) == (0, "")
    assert record.finished_at is None
    record = finish(record)
    assert record.objects_deleted == 6
    pass_time(record, hours=1)
    assert finish(record, seconds=0).finished_at is None, "a pass that stopped early is not the last one"
    assert finish(record).finished_at is not None


def test_only_one_pass_at_a_time_has_the_record_and_one_that_died_is_followed_by_another(erased):
    assert module.take(erased) is not None
    assert module.take(erased) is None
    assert finish(erased).objects_deleted == 0
    pass_time(erased, seconds=0)
    assert finish(erased).objects_deleted == 6


def test_a_pass_that_was_taken_over_writes_nothing_down(erased):
    until, _ = module.take(erased)
    pass_time(erased, seconds=0)
    finish(erased)
    module.settle(erased, module.Pass(0, deleted=99), until, is_last=True)
    erased.refresh_from_db()
    assert (erased.objects_deleted, erased.finished_at) == (6, None)


def test_an_archive_that_is_not_configured_is_said_and_nothing_is_lost(erased, settings):
    settings.ARCHIVE_URL = "nowhere"
    record = finish(erased)
    assert record.last_error.startswith("archive: not_configured: ")
    assert ErasureRecord.objects.filter(finished_at=None).exists()


def test_waiting_doubles_from_a_minute_to_an_hour():
    assert [back_off(failures) for failures in (1, 2, 3, 6, 7, 40)] == [60, 120, 240, 1920, 3600, 3600]
