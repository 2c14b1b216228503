import threading

import pytest
from django.db import connection, transaction

from outbox.enqueue import NotInTransaction, enqueue
from outbox.models import Delivery, Lane, OutboxEvent
from tests.outbox.support import SCRIPTED, asleep, go, lane, tell

pytestmark = pytest.mark.django_db(transaction=True)


def test_enqueue_refuses_to_run_outside_a_transaction():
    with pytest.raises(NotInTransaction, match="Nothing was written"):
        enqueue("told", {}, ordering_key="k", ordering_seq=1)
    assert not OutboxEvent.objects.exists()


def test_an_event_that_rolls_back_leaves_nothing_behind():
    with pytest.raises(LookupError), transaction.atomic():
        enqueue("told", {}, ordering_key="k", ordering_seq=1)
        raise LookupError("the caller failed after it")
    assert not OutboxEvent.objects.exists()
    assert not Lane.objects.exists()


def test_one_event_becomes_one_delivery_for_each_destination_that_receives_its_type(settings):
    other = SCRIPTED["scripted"] | {"events": ["told", "else"]}
    settings.OUTBOX_DESTINATIONS = SCRIPTED | {"second": other, "deaf": other | {"events": ["else"]}}
    event_id = tell()
    found = Delivery.objects.filter(event_id=event_id).values_list("lane__destination", flat=True)
    assert sorted(found) == ["scripted", "second"]


def test_an_event_that_no_destination_receives_is_kept_without_deliveries():
    with transaction.atomic():
        enqueue("unheard", {"a": 1}, ordering_key="k", ordering_seq=1)
    assert OutboxEvent.objects.get().payload == {"a": 1}
    assert not Delivery.objects.exists()


def test_a_second_event_with_the_same_idempotency_key_is_the_first_one():
    def once():
        with transaction.atomic():
            return enqueue("told", {}, ordering_key="k", ordering_seq=1, idempotency_key="only")

    assert once() == once()
    assert Delivery.objects.count() == 1


def test_a_new_event_wakes_a_sleeping_lane():
    tell()
    go()
    assert asleep()
    tell(seq=2)
    assert not asleep()


def test_a_new_event_does_not_cut_short_the_backoff_of_a_failing_lane():
    tell()
    Lane.objects.update(due_at="2100-01-01T00:00:00Z")
    tell(seq=2)
    assert lane().due_at.year == 2100


def test_a_new_event_does_not_wake_a_parked_lane():
    tell()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_lane SET parked_reason = 'held', due_at = 'infinity'")
    tell(seq=2)
    assert asleep()


def test_enqueue_locks_the_lane_even_where_nothing_about_it_changes():
    tell()
    before = lane().due_at
    blocked = threading.Event()

    def settle_meanwhile():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '100ms'")
            try:
                cursor.execute("SELECT 1 FROM outbox_lane WHERE ordering_key = 'k' FOR UPDATE")
            except Exception:
                blocked.set()
                raise
        connection.close()

    def run():
        try:
            settle_meanwhile()
        except Exception:
            connection.close()

    with transaction.atomic():
        enqueue("told", {}, ordering_key="k", ordering_seq=2)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert blocked.is_set()
    assert lane().due_at == before
