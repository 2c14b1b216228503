"""Leases and fences: who holds a lane, and what becomes of one whose worker is late or dead."""

import threading

import pytest
from django.db import connection, transaction

from outbox.act import act
from outbox.claim import claim
from outbox.enqueue import enqueue
from outbox.outcomes import Delivered
from outbox.relay import relay
from outbox.settle import settle
from outbox.upkeep import rescue
from tests.outbox.support import (
    SCRIPTED,
    ScriptedHandler,
    expire_leases,
    go,
    lane,
    scripted,
    statuses,
    tell,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_late_worker_cannot_settle_a_reclaimed_lane():
    tell()
    late = claim(scripted())
    expire_leases()
    assert rescue(scripted()) == 1
    current = claim(scripted(), suspect=True)
    settled = settle(scripted(), late, {late[0].deliveries[0].id: Delivered()})
    assert (settled.fenced, settled.delivered) == (1, [])
    assert statuses() == ["pending"]
    assert lane().token == current[0].token
    assert not settle(scripted(), current, {current[0].deliveries[0].id: Delivered()}).fenced
    assert statuses() == ["delivered"]


def test_a_worker_whose_lease_was_freed_but_not_retaken_is_fenced_too():
    tell()
    late = claim(scripted())
    expire_leases()
    rescue(scripted())
    assert settle(scripted(), late, {late[0].deliveries[0].id: Delivered()}).fenced == 1


def test_no_send_starts_once_half_of_the_lease_is_used():
    tell()
    lanes = claim(scripted())
    assert act(scripted(), lanes, claimed_at=-1e9) == {}
    assert ScriptedHandler.received == []


def test_a_lane_whose_workers_die_again_and_again_is_parked_as_poison():
    tell()
    claim(scripted())
    for _ in range(scripted().max_rescues):
        expire_leases()
        rescue(scripted())
        claim(scripted(), suspect=True)
    assert claim(scripted()) == claim(scripted(), suspect=True) == []
    assert lane().parked_reason.startswith("poison: its worker died 5 times")


def test_a_delivery_resets_the_count_of_rescues():
    tell()
    claim(scripted())
    expire_leases()
    assert relay(scripted(), budget=60, poll=0, until_empty=True).delivered == 1
    assert lane().rescues == 0


def test_a_lane_that_kills_its_workers_takes_no_other_lane_down_with_it():
    """Every worker that takes the lane "bad" dies; the others of the same claim are carried after the first death."""
    for key in ("bad", "good1", "good2"):
        tell(key)
    assert len(claim(scripted())) == 3  # the first worker dies with all three in hand
    for _ in range(scripted().max_rescues):
        expire_leases()
        rescue(scripted())
        while suspects := claim(scripted(), suspect=True):
            assert len(suspects) == 1
            if suspects[0].ordering_key == "bad":
                break  # this worker dies too
            settle(scripted(), suspects, act(scripted(), suspects, claimed_at=1e12))
    assert lane("bad").parked_reason.startswith("poison")
    assert lane("good1").parked_reason == lane("good2").parked_reason == ""
    assert sorted(statuses()) == ["delivered", "delivered", "pending"]


def test_two_claims_at_once_never_take_the_same_lane():
    for number in range(200):
        tell(f"k{number}")
    taken = []

    def take():
        try:
            while lanes := claim(scripted()):
                taken.extend(lane.id for lane in lanes)
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 200


def test_the_cap_on_lanes_in_flight_holds_over_all_workers(settings):
    settings.OUTBOX_DESTINATIONS = {"scripted": SCRIPTED["scripted"] | {"lanes_in_flight": 20}}
    for number in range(40):
        tell(f"k{number}")
    assert [len(claim(scripted())) for _ in range(3)] == [16, 4, 0]


def test_an_event_enqueued_while_its_lane_is_being_settled_is_not_slept_over():
    """Hold the settle between its statements, commit a new event meanwhile, and see it delivered."""
    tell(seq=1)
    lanes = claim(scripted())
    outcomes = act(scripted(), lanes, claimed_at=1e12)
    started, committed = threading.Event(), threading.Event()

    def enqueue_meanwhile():
        with transaction.atomic():
            started.set()
            enqueue("told", {}, ordering_key="k", ordering_seq=2)  # waits for the lane's lock
        committed.set()
        connection.close()

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM outbox_lane FOR UPDATE")
        thread = threading.Thread(target=enqueue_meanwhile)
        thread.start()
        started.wait()
        assert not committed.wait(0.2)
    thread.join()
    settle(scripted(), lanes, outcomes)
    go()
    assert statuses() == ["delivered", "delivered"]
