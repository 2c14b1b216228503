"""Workers that die between row, put and send, and workers that do the same at once."""

import threading

import pytest
from django.db import connection
from django.utils import timezone

from outbox.claim import claim
from outbox.destinations import destination, load_handler
from outbox.models import Delivery
from persistence.archive.sinks import SinkError
from persistence.claim_check import fetch
from persistence.claim_check.store import claims_store
from persistence.models import ClaimCheck
from tests.outbox.support import ScriptedHandler, expire_leases, statuses, tell
from tests.persistence.claim_check.support import (
    LARGE,
    bodies,
    check_of,
    claim_row,
    http_get,
    pass_time,
    run,
    sweep_now,
)

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """The worker ends here: nothing catches this."""


@pytest.mark.parametrize("point", ["before the put", "after the put", "during the send", "after the send"])
def test_a_worker_that_dies_leaves_one_object_and_the_next_one_sends_the_same(in_s3, monkeypatch, point):
    event_id = tell(**LARGE)
    store = claims_store()
    put, deliver = store.put_if_absent, ScriptedHandler.deliver

    def dying_put(key, body):
        if point == "after the put":
            put(key, body)
        raise Killed

    def dying_deliver(self, lanes, may_send):
        if point == "after the send":
            deliver(self, lanes, may_send)
        raise Killed

    with monkeypatch.context() as patch:
        if point.endswith("put"):
            patch.setattr(store, "put_if_absent", dying_put)
        else:
            patch.setattr(ScriptedHandler, "deliver", dying_deliver)
        with pytest.raises(Killed):
            run()
    row = claim_row(event_id)
    expire_leases()
    run()
    assert statuses() == ["delivered"]
    assert len(set(bodies())) == 1
    assert check_of()["url"] == row.url
    assert ClaimCheck.objects.count() == len(in_s3.objects()) == 1
    assert fetch(check_of(), get=http_get) == LARGE["transcript"]["turns"]


def test_a_row_of_a_put_that_never_happened_is_swept_when_the_event_was_let_go(in_s3):
    event_id = tell(**LARGE)
    in_s3.fail("refuse")
    run()
    in_s3.heal()
    assert not in_s3.objects()
    Delivery.objects.update(status="released", settled_at=timezone.now())
    pass_time(expires=8)
    sweep_now(claims_store(), grace_days=0)
    assert claim_row(event_id).deleted_at is not None


def test_two_workers_at_once_store_one_object_and_send_one_body(in_s3):
    tell(**LARGE)
    (lane,) = claim(destination("scripted"))
    handler = load_handler(destination("scripted"))
    gate = threading.Barrier(4)
    troubles = []

    def work():
        gate.wait()
        try:
            handler.deliver([lane.deliveries], lambda: True)
        except SinkError as error:
            troubles.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    assert len(bodies()) == 4
    assert len(set(bodies())) == 1
    assert ClaimCheck.objects.count() == len(in_s3.objects()) == 1
