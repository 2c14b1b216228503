"""The log of sends, against the real database."""

import threading

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from outbox import attempts, operate, tasks
from outbox.claim import claim
from outbox.models import Delivery, DeliveryAttempt
from outbox.outcomes import Dead, Delivered, Failed, code_of, word
from tests.outbox.support import ScriptedHandler, go, make_due, scripted, tell

pytestmark = pytest.mark.django_db(transaction=True)


def claimed():
    tell()
    return claim(scripted())[0].deliveries[0]


def age_attempts(days):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_delivery_attempt SET started_at = now() - %s * interval '1 day'", [days]
        )


def age_deliveries(days):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_delivery SET settled_at = now() - %s * interval '1 day' WHERE status <> 'pending'",
            [days],
        )


def test_an_attempt_is_on_record_before_the_send_and_complete_after_it():
    delivery = claimed()
    attempt = attempts.begin(scripted(), delivery)
    begun = DeliveryAttempt.objects.get()
    assert (begun.event_id, begun.destination, begun.number) == (delivery.event_id, "scripted", 1)
    assert (begun.outcome, begun.duration_ms) == ("", None)
    outcome = Failed("http_503")
    attempts.finish(
        attempt, outcome=word(outcome), code=code_of(outcome), status_code=503, excerpt="try later"
    )
    ended = DeliveryAttempt.objects.get()
    assert (ended.outcome, ended.error_code, ended.status_code) == ("failed", "http_503", 503)
    assert ended.excerpt == "try later"
    assert ended.duration_ms >= 0


def test_each_attempt_knows_how_many_were_begun_before_it():
    delivery = claimed()
    assert [attempts.begin(scripted(), delivery).before for _ in range(3)] == [0, 1, 2]


def test_an_attempt_whose_worker_died_has_no_end_and_is_counted():
    delivery = claimed()
    attempts.begin(scripted(), delivery)
    second = attempts.begin(scripted(), delivery)
    attempts.finish(second, outcome=word(Delivered()))
    assert second.before == 1
    assert list(DeliveryAttempt.objects.order_by("number").values_list("outcome", flat=True)) == [
        "",
        "delivered",
    ]


def test_a_redriven_delivery_counts_the_sends_of_the_one_that_died():
    before = []

    def send(delivery):
        before.append(attempts.begin(scripted(), delivery).before)
        return Dead("no") if len(before) == 1 else Delivered()

    ScriptedHandler.answer = staticmethod(send)
    tell()
    go()
    assert operate.redrive("scripted") == 1
    make_due()
    go()
    assert before == [0, 1]
    assert Delivery.objects.filter(status="delivered").count() == 1


def test_of_eight_workers_that_begin_at_once_only_one_believes_to_be_the_first():
    delivery = claimed()
    gate = threading.Barrier(8)
    found = []

    def work():
        gate.wait()
        found.append(attempts.begin(scripted(), delivery).before)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))


def test_a_send_cannot_begin_inside_a_transaction():
    delivery = claimed()
    with transaction.atomic(), pytest.raises(attempts.BegunInTransaction):
        attempts.begin(scripted(), delivery)
    assert not DeliveryAttempt.objects.exists()


def test_the_first_end_of_an_attempt_stands():
    attempt = attempts.begin(scripted(), claimed())
    attempts.finish(attempt, outcome="delivered")
    attempts.finish(attempt, outcome="failed", code="late")
    assert DeliveryAttempt.objects.get().outcome == "delivered"


def test_whatever_a_receiver_says_can_be_kept_and_is_cut():
    attempt = attempts.begin(scripted(), claimed())
    attempts.finish(
        attempt, outcome="failed", code="\x00\ud800" + "x" * 200, excerpt="\x00\udfff" + "é" * 9000
    )
    kept = DeliveryAttempt.objects.get()
    assert kept.excerpt == "\ufffd?" + "é" * 1998
    assert len(kept.error_code) == 100


def test_the_log_outlives_its_event_and_goes_after_its_own_time(settings):
    settings.OUTBOX_KEEP_DELIVERED_HOURS, settings.OUTBOX_KEEP_ATTEMPTS_DAYS = 24, 30
    delivery = claimed()
    attempts.begin(scripted(), delivery)
    Delivery.objects.update(status="delivered", settled_at="2020-01-01T00:00:00Z")
    age_attempts(29)
    tasks.prune()
    assert not Delivery.objects.exists()
    assert DeliveryAttempt.objects.count() == 1
    age_attempts(31)
    tasks.prune()
    assert not DeliveryAttempt.objects.exists()


def test_the_log_of_what_can_still_be_redriven_stays():
    ScriptedHandler.answer = staticmethod(lambda delivery: Dead("no"))
    tell()
    go()
    attempts.begin(scripted(), ScriptedHandler.received[0])
    age_attempts(400)
    age_deliveries(400)
    assert attempts.prune(keep_seconds=0) == 0
    call_command("outbox", "prune", "--attempts-older-than-days", "0")
    assert DeliveryAttempt.objects.count() == 1
