"""What the outbox forgets when a person's data is erased, and what it must keep."""

import pytest
from django.db import connection, transaction

from outbox import attempts, operate, upkeep
from outbox.claim import claim
from outbox.enqueue import enqueue
from outbox.forget import NotInTransaction, forget, forget_late
from outbox.models import Delivery, DeliveryAttempt, Lane, OutboxEvent
from outbox.outcomes import Dead, Delivered, Parked
from outbox.settle import settle
from tests.outbox.support import ScriptedHandler, asleep, go, lane, scripted, statuses, tell

pytestmark = pytest.mark.django_db(transaction=True)


def forget_now(*keys):
    with transaction.atomic():
        return forget(keys)


def rows_of(key):
    """Return every row of one ordering key, as it is stored."""
    return [
        list(OutboxEvent.objects.filter(ordering_key=key).order_by("event_id").values()),
        list(Delivery.objects.filter(event__ordering_key=key).order_by("id").values()),
        list(DeliveryAttempt.objects.filter(ordering_key=key).order_by("id").values()),
        # As text: Python has no date for 'infinity'.
        _lanes_as_text(key),
    ]


def _lanes_as_text(key):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lane::text FROM outbox_lane AS lane WHERE ordering_key = %s ORDER BY id", [key]
        )
        return cursor.fetchall()


def logged_send(key):
    """Send the key's event in the way of a handler that keeps a log, and return the delivery."""
    (found,) = [one for one in claim(scripted()) if one.ordering_key == key]
    attempt = attempts.begin(scripted(), found.deliveries[0])
    attempts.finish(attempt, outcome="delivered", excerpt=f"what {key} was told")
    settle(scripted(), [found], {found.deliveries[0].id: Delivered()})
    return found.deliveries[0]


def test_events_deliveries_and_log_go_whatever_their_state():
    tell("mine", 1, secret="delivered")
    logged_send("mine")
    tell("mine", 2, secret="pending")
    tell("mine again", 1, secret="other lane")
    done = forget_now("mine", "mine again")
    assert done.rows == {"events": 3, "deliveries": 3, "delivery attempts": 1}
    assert len(done.events) == 3
    assert not OutboxEvent.objects.exists()
    assert not Delivery.objects.exists()
    assert not DeliveryAttempt.objects.exists()


def test_nothing_of_another_key_is_touched():
    for number in range(3):
        tell("theirs", number)
    logged_send("theirs")
    before = rows_of("theirs")
    tell("mine")
    forget_now("mine", "nobody's")
    assert rows_of("theirs") == before


def test_the_lane_stays_asleep_and_sleeps_soundly():
    tell()
    token = lane().token
    forget_now("k")
    assert asleep()
    assert lane().token == token + 1
    assert not upkeep.reconcile()
    assert not claim(scripted())


@pytest.mark.parametrize("outcome", [Dead("no"), Parked("later")])
def test_a_lane_that_waited_for_an_operator_waits_no_longer_and_carries_what_comes(outcome):
    ScriptedHandler.answer = staticmethod(lambda delivery: outcome)
    tell()
    go()
    assert lane().parked_reason
    ScriptedHandler.reset()
    forget_now("k")
    assert lane().parked_reason == ""
    tell(seq=9)
    go()
    assert ScriptedHandler.received_seqs() == [9]


def test_what_is_enqueued_in_the_same_transaction_is_delivered():
    tell(seq=1)
    with transaction.atomic():
        forget(["k"])
        enqueue("told", {"note": "please delete"}, ordering_key="k", ordering_seq=2)
    go()
    assert ScriptedHandler.received_seqs() == [2]
    assert statuses() == ["delivered"]


def test_a_worker_that_held_the_lane_cannot_settle_and_its_event_is_named():
    event_id = tell()
    held = claim(scripted())
    done = forget_now("k")
    assert done.in_hand == [event_id]
    assert lane().leased_until is None
    tell(seq=2)
    settled = settle(scripted(), held, {held[0].deliveries[0].id: Delivered()})
    assert (settled.fenced, settled.delivered) == (1, [])
    assert statuses() == ["pending"]
    assert not asleep()


def test_lanes_of_destinations_that_nobody_knows_any_more_are_forgotten_too(settings):
    tell()
    settings.OUTBOX_DESTINATIONS = {}
    assert forget_now("k").rows["deliveries"] == 1
    assert asleep()


def test_the_log_names_events_that_were_pruned_before():
    event_id = tell()
    logged_send("k")
    upkeep.prune(keep_seconds=0)
    assert not OutboxEvent.objects.exists()
    done = forget_now("k")
    assert done.events == [event_id]
    assert not DeliveryAttempt.objects.exists()


def test_a_workers_last_words_are_forgotten_and_the_log_of_what_came_after_is_kept():
    tell(seq=1)
    (held,) = claim(scripted())
    forget_now("k")
    late = attempts.begin(scripted(), held.deliveries[0])
    attempts.finish(late, outcome="failed", excerpt="what the customer said")
    after = tell(seq=2)
    logged_send("k")
    assert forget_late(["k"]) == 1
    assert [attempt.event_id for attempt in DeliveryAttempt.objects.all()] == [after]


def test_a_redrive_of_what_was_forgotten_brings_nothing_back():
    ScriptedHandler.answer = staticmethod(lambda delivery: Dead("no"))
    tell()
    go()
    forget_now("k")
    assert operate.redrive("scripted") == 0
    assert operate.release_lanes("scripted") == 0
    assert asleep()


def test_it_refuses_to_run_outside_a_transaction():
    tell()
    with pytest.raises(NotInTransaction):
        forget(["k"])
    assert OutboxEvent.objects.count() == 1


def test_it_is_all_taken_back_with_the_transaction():
    tell()
    before = rows_of("k")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        forget(["k"])
        1 / 0  # noqa: B018
    assert rows_of("k") == before


def test_a_lane_without_a_key_of_theirs_may_be_in_any_number():
    for number in range(50):
        tell(f"key {number}")
    assert forget_now(*(f"key {number}" for number in range(0, 50, 2))).rows["events"] == 25
    assert Lane.objects.count() == 50
