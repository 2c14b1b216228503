"""The relay is killed, stopped and doubled."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults.client import Client, Crowd
from tests.faults.house import House, eventually

# Puts that a killed relay may have done and not settled: threads × deliveries a lane.
IN_HAND = 4 * 50
ATTEMPTS = """
SELECT DISTINCT attempts FROM outbox_delivery JOIN outbox_event USING (event_id)
JOIN persistence_turn ON turn_id::text = payload ->> 'turn_id' WHERE request_id LIKE 'stopped%'
"""
SLOW_COMMIT = """
CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON persistence_turn
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow_commit();
"""
SHORT_LEASE = {"FAULTS_LEASE_SECONDS": "2"}


@pytest.fixture(scope="module")
def archiving(lasting_house) -> tuple[House, Client]:
    """One web server and one store; each test has relays of its own."""
    house = lasting_house(FAULTS_MAX_RESCUES=1000, ARCHIVE_CALL_DEADLINE_SECONDS=25)
    return house, house.web().ready()


@pytest.fixture
def house(archiving: tuple[House, Client]) -> Iterator[House]:
    house = archiving[0]
    house.s3.control({"do": "forget"})
    house.query("DELETE FROM outbox_counter")
    yield house
    house.s3.heal()
    house.end_relays()


@pytest.fixture
def client(archiving: tuple[House, Client]) -> Client:
    return archiving[1]


def puts(house: House) -> list[tuple[int, int]]:
    """The seq and status of every PUT that the store was asked for in this test, in order."""
    return [(int(put["key"][-15:-5]), put["status"]) for put in house.s3.requests("PUT")]


def test_a_relay_killed_while_the_store_writes_loses_nothing_and_the_copy_is_made_once(house, client):
    """The store has the object, its answer never arrives, the relay is dead: another finds its own copy there."""
    house.s3.fail("drip", methods=["PUT"], seconds=1.0, times=1)
    relay = house.relay(**SHORT_LEASE)
    client.converse("writes", 3)
    eventually(lambda: puts(house), "the store has an object")
    relay.kill()
    house.relay(**SHORT_LEASE)
    house.drain()
    assert puts(house) == [(1, 200), (1, 412), (2, 200), (3, 200)]
    assert house.counted("rescued") == 1
    house.check()


def test_a_relay_killed_before_the_store_has_anything_loses_nothing(house, client):
    house.s3.fail("black_hole", methods=["PUT"], times=1)
    relay = house.relay(**SHORT_LEASE)
    client.converse("black-hole", 3)
    eventually(lambda: puts(house), "the store is asked")
    relay.kill()
    house.relay(**SHORT_LEASE)
    house.drain()
    assert puts(house) == [(1, 0), (1, 200), (2, 200), (3, 200)]
    house.check()


def test_a_relay_stopped_past_its_lease_sends_nothing_stale_and_settles_nothing(house, client):
    """It is stopped in its first send, overtaken, and resumed: no further send, no settle, and it says so."""
    client.converse("stopped", 5)
    house.s3.fail("drip", methods=["PUT"], seconds=0.02, times=1)
    stopped = house.relay(**SHORT_LEASE)
    eventually(lambda: puts(house), "the store has the first object")
    stopped.freeze()
    house.relay(**SHORT_LEASE)
    house.drain()
    assert puts(house) == [(1, 200), (1, 412), (2, 200), (3, 200), (4, 200), (5, 200)]

    stopped.resume()
    eventually(lambda: house.counted("fenced") == 1, "the late relay is fenced")
    client.converse("stopped-afterwards", 1)
    house.drain()
    assert len(puts(house)) == 7, "what was overtaken is not sent again"
    assert house.query(ATTEMPTS) == [(1,)], "nothing was settled twice"
    eventually(lambda: house.counted("delivered") == 6, "the figures are flushed")
    house.check()


def test_two_relays_share_a_backlog_without_sending_anything_twice(house, client):
    """The backlog is held until both are there; a claim takes 64 of its 200 lanes."""
    with Crowd(client, [f"backlog-{number}" for number in range(200)], turns=1):
        pass
    holder = house.connect()
    try:
        with holder.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM outbox_lane FOR UPDATE")
            house.relays_at_work(2)
            assert puts(house) == []
    finally:
        holder.close()
    house.drain()
    assert Counter(status for _, status in puts(house)) == {200: 200}
    house.check()


def test_a_chat_that_falls_silent_is_archived_to_its_last_turn(house, client):
    """Three turns and then silence, over and over, beside two relays: no wake-up is lost, and nothing looks for one.

    Each commit takes 20 ms with the lane's lock held, as on a slow disk: relays then often settle the turn before.
    """
    house.query(SLOW_COMMIT)
    house.relays_at_work(2)
    with Crowd(client, [f"chat-{number}" for number in range(100)], turns=3, threads=6):
        pass
    house.query("DROP FUNCTION slow_commit CASCADE")
    house.drain(30)
    figures = house.manage("outbox", "status")[1]["destinations"]["archive"]
    assert (figures["asleep_with_pending"], figures["pending"], figures["dead"]) == (0, 0, 0)
    assert house.counted("woken") == 0, "the reconciler, which would hide a lost wake-up, does not run here"
    house.check()


@pytest.mark.slow
def test_relays_killed_at_random_moments_lose_nothing(house, client):
    """Two relays at a slow store; every now and then one is killed and another started."""
    house.s3.fail("drip", methods=["PUT"], seconds=0.0005, share=0.3, seed=1)
    chance, kills = random.Random(1), 5
    relays = [house.relay(**SHORT_LEASE), house.relay(**SHORT_LEASE)]
    with Crowd(client, [f"killed-{number}" for number in range(60)], turns=4):
        for _ in range(kills):
            house.until_the_store_is_asked(chance.randint(5, 25))
            relays.pop(0).kill()
            relays.append(house.relay(**SHORT_LEASE))
    house.s3.heal()
    house.drain()
    sent = Counter(status for _, status in puts(house))
    assert sent[200] == 240
    assert sent[412] <= kills * IN_HAND
    house.check()
