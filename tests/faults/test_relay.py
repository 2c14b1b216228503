"""The relay is killed, stopped and doubled."""

import random
from collections import Counter

import pytest

from tests.faults.client import Crowd
from tests.faults.house import House, eventually

IN_HAND = 4 * 50  # puts that a killed relay may have done without having settled them: threads × deliveries a lane


def puts(house: House, containing: str = "") -> list[tuple[int, int]]:
    """The seq and status of every PUT that the store was asked for, in order."""
    asked = [put for put in house.s3.requests("PUT") if containing in put["key"]]
    return [(int(put["key"][-15:-5]), put["status"]) for put in asked]


def test_a_relay_killed_while_the_store_writes_loses_nothing_and_the_copy_is_made_once(house):
    """The store has the object, its answer never arrives, the relay is dead: another finds its own copy there."""
    house = house(FAULTS_LEASE_SECONDS=2)
    client = house.web().ready()
    house.s3.fail("drip", methods=["PUT"], seconds=1.0, times=1)
    relay = house.relay()
    client.converse("s", 3)
    eventually(lambda: house.s3.objects(), "the store has an object")
    relay.kill()
    house.relay()
    house.drain()
    assert puts(house) == [(1, 200), (1, 412), (2, 200), (3, 200)]
    assert house.counted("rescued") == 1
    house.check()


def test_a_relay_killed_before_the_store_has_anything_loses_nothing(house):
    house = house(FAULTS_LEASE_SECONDS=2)
    client = house.web().ready()
    house.s3.fail("black_hole", methods=["PUT"], times=1)
    relay = house.relay()
    client.converse("s", 3)
    eventually(lambda: puts(house), "the store is asked")
    relay.kill()
    house.relay()
    house.drain()
    assert puts(house) == [(1, 0), (1, 200), (2, 200), (3, 200)]
    house.check()


def test_a_relay_stopped_past_its_lease_sends_nothing_stale_and_settles_nothing(house):
    """It is stopped in its first send, overtaken, and resumed: no further send, no settle, and it says so."""
    house = house(FAULTS_LEASE_SECONDS=2, ARCHIVE_CALL_DEADLINE_SECONDS=25)
    client = house.web().ready()
    client.converse("s", 5)
    house.s3.fail("drip", methods=["PUT"], seconds=0.02, times=1)
    stopped = house.relay()
    eventually(lambda: house.s3.objects(), "the store has the first object")
    stopped.freeze()
    house.relay()
    house.drain()
    assert puts(house) == [(1, 200), (1, 412), (2, 200), (3, 200), (4, 200), (5, 200)]

    stopped.resume()
    eventually(lambda: house.counted("fenced") == 1, "the late relay is fenced")
    client.converse("t", 1)
    house.drain()
    assert len(puts(house)) == 7, "what was overtaken is not sent again"
    assert house.query("SELECT DISTINCT attempts FROM outbox_delivery") == [(1,)], "nothing was settled twice"
    eventually(lambda: house.counted("delivered") == 6, "the figures are flushed")
    house.check()


def test_two_relays_share_a_backlog_without_sending_anything_twice(house):
    house = house()
    client = house.web().ready()
    with Crowd(client, [f"s{number}" for number in range(60)], turns=3):
        pass
    house.relay()
    house.relay()
    house.drain()
    assert Counter(status for _, status in puts(house)) == {200: 180}
    house.check()


def test_a_chat_that_falls_silent_is_archived_to_its_last_turn(house):
    """Three turns and then silence, over and over, beside two relays: no wake-up is lost, and nothing looks for one."""
    house = house()
    client = house.web().ready()
    house.relay()
    house.relay()
    with Crowd(client, [f"s{number}" for number in range(150)], turns=3, threads=6):
        pass
    house.drain(30)
    figures = house.manage("outbox", "status")[1]["destinations"]["archive"]
    assert (figures["asleep_with_pending"], figures["pending"], figures["dead"]) == (0, 0, 0)
    assert house.counted("woken") == 0, "the reconciler, which would hide a lost wake-up, does not run here"
    house.check()


@pytest.mark.slow
def test_relays_killed_at_random_moments_lose_nothing(house):
    """Two relays at a slow store; every now and then one is killed and another started."""
    house = house(FAULTS_LEASE_SECONDS=2, FAULTS_MAX_RESCUES=1000)
    client = house.web().ready()
    house.s3.fail("drip", methods=["PUT"], seconds=0.0005, share=0.3, seed=1)
    chance, kills = random.Random(1), 8
    relays = [house.relay(), house.relay()]
    with Crowd(client, [f"s{number}" for number in range(80)], turns=4):
        for _ in range(kills):
            wanted = len(house.s3.requests("PUT")) + chance.randint(5, 25)
            eventually(lambda: len(house.s3.requests("PUT")) >= wanted, "the relays work")
            relays.pop(0).kill()
            relays.append(house.relay())
    house.s3.heal()
    house.drain()
    sent = Counter(status for _, status in puts(house))
    assert sent[200] == 320
    assert sent[412] <= kills * IN_HAND
    house.check()
