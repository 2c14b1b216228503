"""The web process dies at the worst moments."""

import random

import pytest

from tests.faults.client import Background, Crowd
from tests.faults.house import House, eventually

# A turn's statement does its inserts, and then its COMMIT waits here until the test lets go of the lock.
HOLD_COMMIT = """
CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold_commit AFTER INSERT ON persistence_turn
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold_commit();
"""
HELD = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
TABLES = ("persistence_conversation", "persistence_turn", "outbox_event", "outbox_lane", "outbox_delivery")
PATIENT = {"LOCK_TIMEOUT_MS": "60000", "STATEMENT_TIMEOUT_MS": "60000", "REQUEST_DEADLINE_SECONDS": "60"}


class HeldCommits:
    """While the block runs, no turn's transaction gets past its inserts."""

    def __init__(self, house: House) -> None:
        self._house = house
        house.query(HOLD_COMMIT)

    def __enter__(self) -> "HeldCommits":
        self._connection = self._house.connect()
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(4711)")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def wait_for(self, count: int) -> list[int]:
        """Wait until that many transactions are held; return their backends' process ids."""
        eventually(lambda: len(self._house.query(HELD)) >= count, f"{count} commits are held")
        return [pid for (pid,) in self._house.query(HELD)]


def counts(house: House) -> dict[str, int]:
    return {table: house.value(f"SELECT count(*) FROM {table}") for table in TABLES}


def test_a_web_process_killed_between_insert_and_commit_leaves_nothing_half_stored(house):
    house = house()
    web = house.web(**PATIENT)
    client = web.ready()
    with HeldCommits(house) as commits:
        asked = Background(lambda: client.post("s", "s/1"))
        (backend,) = commits.wait_for(1)
        assert house.value("SELECT count(*) FROM persistence_turn") == 0
        web.program.kill()
        assert asked.wait().status == 0
        # The machine is gone with it: the server notices that nobody is there any more.
        house.query("SELECT pg_terminate_backend(%s)", backend)
        eventually(lambda: not house.query(HELD), "the transaction has ended")
    assert counts(house) == dict.fromkeys(TABLES, 0)

    web.start()
    web.ready()
    assert client.post("s", "s/1").status == 201
    assert client.post("s", "s/1").status == 200
    assert counts(house) == dict.fromkeys(TABLES, 1)
    house.relay()
    house.drain()
    house.check()


def test_a_turn_committed_by_a_web_process_that_died_before_it_could_answer_is_found_by_the_retry(house):
    house = house()
    web = house.web(**PATIENT)
    client = web.ready()
    with HeldCommits(house) as commits:
        asked = Background(lambda: client.post("s", "s/1"))
        commits.wait_for(1)
        web.program.kill()
        assert asked.wait().status == 0
    eventually(lambda: house.value("SELECT count(*) FROM persistence_turn") == 1, "the commit went through")

    web.start()
    web.ready()
    retried = client.post("s", "s/1")
    assert (retried.status, retried.document["replayed"]) == (200, True)
    assert client.post("s", "s/2").document["seq"] == 2
    house.relay()
    house.drain()
    house.check()


def test_two_web_servers_that_get_the_same_request_at_once_store_it_once(house):
    """Both transactions are held open at once: the second waits for the first, and finds its turn."""
    house = house()
    clients = [web.ready() for web in [house.web(**PATIENT), house.web(**PATIENT)]]
    with HeldCommits(house) as commits:
        first = Background(lambda: clients[0].post("s", "s/1"))
        commits.wait_for(1)
        second = Background(lambda: clients[1].post("s", "s/1"))
        eventually(lambda: house.value(WAITING) == 2, "the second waits for the first")
    answers = [first.wait(), second.wait()]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].document["turn_id"] == answers[1].document["turn_id"]
    assert counts(house) == dict.fromkeys(TABLES, 1)


def test_one_request_id_in_two_sessions_at_once_is_stored_for_one_and_refused_for_the_other(house):
    house = house()
    clients = [web.ready() for web in [house.web(**PATIENT), house.web(**PATIENT)]]
    with HeldCommits(house) as commits:
        first = Background(lambda: clients[0].post("one", "same"))
        commits.wait_for(1)
        second = Background(lambda: clients[1].post("another", "same"))
        eventually(lambda: house.value(WAITING) == 2, "the second waits for the first")
    assert first.wait().status == 201
    refused = second.wait()
    assert (refused.status, refused.document["code"]) == (409, "request_id_reused")
    assert counts(house) == dict.fromkeys(TABLES, 1)


@pytest.mark.slow
def test_a_web_server_killed_again_and_again_loses_and_doubles_nothing(house):
    house = house()
    web = house.web()
    house.relay()
    chance = random.Random(20)
    with Crowd(web.ready(), [f"s{number}" for number in range(40)], turns=5) as crowd:
        for _ in range(5):
            until_acknowledged(house, chance.randint(10, 30), crowd)
            web.program.kill()
            web.start()
    assert len({told.turn_id for told in house.history.acknowledged}) == 200
    assert [told for told in house.history.attempts if told.outcome == "unknown"], "no kill has hit a request"
    house.drain()
    house.check()


def until_acknowledged(house: House, more: int, crowd: Crowd) -> None:
    """Wait until that many more turns are acknowledged, or there are no more."""
    wanted = len(house.history.acknowledged) + more
    eventually(lambda: len(house.history.acknowledged) >= wanted or not crowd.talking, "turns go on")
