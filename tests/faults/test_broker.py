"""Redis is stopped, frozen, flushed and fed with rubbish: turns go on, and the relay comes back by itself."""

import base64
import json
import os
import pickle
import signal
import uuid
from collections.abc import Iterator

import psutil
import pytest
from redis import Redis

from config.services import process
from config.services import redis as services_redis
from tests.faults.client import Client, Crowd
from tests.faults.house import House, Stack, eventually
from tests.private_servers import PrivateServer
from tests.services_plugin import scratch

# No request may wait for Redis; the shortest wait that Redis' client would cause is its time-out of 5 s.
WAITED_FOR_REDIS_SECONDS = 5.0
RECOVERY_SECONDS = 100.0
LEADER, CHILD = 0, 1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def broker() -> Iterator[PrivateServer]:
    server = PrivateServer(services_redis, scratch() / "faults-redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def running(lasting_house, broker: PrivateServer) -> Iterator[tuple[House, Stack]]:
    """Web, workers and beat under the supervisor; every experiment of this module uses the same ones."""
    house = lasting_house(redis_url=broker.url, OUTBOX_RELAY_BUDGET_SECONDS=2, FAULTS_LEASE_SECONDS=5)
    stack = house.stack()
    stack.client.converse("first", 1)
    house.drain(RECOVERY_SECONDS)
    yield house, stack


@pytest.fixture
def house(running: tuple[House, Stack], broker: PrivateServer) -> Iterator[House]:
    yield running[0]
    broker.resume()
    if process.birth(broker.pid) is None:
        broker.start()


@pytest.fixture
def stack(running: tuple[House, Stack]) -> Stack:
    return running[1]


@pytest.fixture
def client(stack: Stack) -> Client:
    return stack.client


def talk(house: House, client: Client, name: str) -> None:
    """Post sixty turns; none may fail and none may have waited for Redis."""
    before = len(house.history.attempts)
    with Crowd(client, [f"{name}-{number}" for number in range(20)], turns=3):
        pass
    attempts = house.history.attempts[before:]
    assert {attempt.status for attempt in attempts} == {201}
    assert max(attempt.seconds for attempt in attempts) < WAITED_FOR_REDIS_SECONDS


def recovers(house: House) -> None:
    house.drain(RECOVERY_SECONDS)
    assert house.manage("outbox", "status")[1]["destinations"]["archive"]["asleep_with_pending"] == 0
    house.check()


def test_turns_do_not_notice_that_redis_is_stopped_and_the_workers_find_it_again(
    house, client, stack, broker
):
    deaths = stack.supervisor.deaths()
    broker.stop()
    talk(house, client, "stopped")
    assert client.request("GET", "/readyz").status == 200, "a turn needs Postgres alone"
    broker.start()
    recovers(house)
    assert stack.supervisor.deaths() == deaths, "they waited for it; nobody had to be restarted"


def test_turns_do_not_notice_that_redis_is_frozen(house, client, stack, broker):
    broker.freeze()
    talk(house, client, "frozen")
    port = int(broker.url.rpartition(":")[2].partition("/")[0])
    peers = {
        peer.raddr.port
        for pid in stack.pids("web")
        for peer in psutil.Process(pid).net_connections()
        if peer.raddr
    }
    assert port not in peers, "the web process has no connection to the broker at all"
    broker.resume()
    recovers(house)


def test_a_flushed_broker_loses_no_turn(house, client, broker):
    redis = Redis.from_url(broker.url)
    try:
        with Crowd(client, [f"flushed-{number}" for number in range(20)], turns=5) as crowd:
            while crowd.talking:
                redis.flushall()
        redis.flushall()
    finally:
        redis.close()
    recovers(house)


def test_a_broker_killed_and_restarted_empty_is_used_again(house, client, broker):
    broker.kill()
    talk(house, client, "killed")
    broker.start()
    redis = Redis.from_url(broker.url)
    redis.flushall()
    redis.close()
    recovers(house)


def message(task: str, body: bytes, content_type: str) -> str:
    """A message as kombu writes it on a Redis list."""
    tag = str(uuid.uuid4())
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8" if "json" in content_type else "binary",
            "content-type": content_type,
            "headers": {"lang": "py", "task": task, "id": tag, "argsrepr": "()", "kwargsrepr": "{}"},
            "properties": {
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "archive"},
                "delivery_tag": tag,
                "body_encoding": "base64",
                "correlation_id": tag,
            },
        }
    )


def waiting(redis: Redis) -> set[str]:
    found = [text for queue in ("archive", "maintenance") for text in redis.lrange(queue, 0, -1)]
    return {text.decode(errors="replace") for text in found}


class Executed:
    """Pickled, it creates a file where it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_rubbish_on_the_queues_stops_nothing_for_long_and_a_pickle_is_not_loaded(house, client, broker):
    trap = house.directory / "pickle-was-loaded"
    call = json.dumps([[], {}, {}]).encode()
    rubbish = [
        "not json at all",
        json.dumps({"json": "but no message"}),
        message("no.such.task", call, "application/json"),
        message("outbox.relay", b"[1, 2", "application/json"),
        message(
            "outbox.relay",
            json.dumps([["unexpected"], {"destination": "nowhere"}, {}]).encode(),
            "application/json",
        ),
        message("outbox.relay", pickle.dumps(Executed(str(trap))), "application/x-python-serialize"),
    ]
    redis = Redis.from_url(broker.url)
    try:
        for number, text in enumerate(rubbish):
            redis.lpush("archive", text)
            client.converse(f"rubbish-{number}", 2)
        eventually(
            lambda: not set(rubbish) & waiting(redis), "the workers have met all of it", RECOVERY_SECONDS
        )
    finally:
        redis.close()
    talk(house, client, "after-rubbish")
    recovers(house)
    assert not trap.exists()


def test_two_beats_at_once_change_nothing_but_the_number_of_nudges(house, client, stack):
    second = house.beat()
    try:
        before = len(house.s3.requests("PUT"))
        talk(house, client, "beats")
        recovers(house)
        assert second.alive
        assert len(house.s3.requests("PUT")) - before == 60, "nothing is sent twice"
    finally:
        second.kill()


def test_workers_killed_with_their_work_in_hand_lose_nothing(house, client, stack):
    house.s3.fail("drip", methods=["PUT"], seconds=0.001)
    with Crowd(client, [f"workers-{number}" for number in range(20)], turns=3):
        for victim in (CHILD, LEADER):
            house.until_the_store_is_asked(1, RECOVERY_SECONDS)
            os.kill(stack.archive_workers()[victim], signal.SIGKILL)
    house.s3.heal()
    recovers(house)


def test_the_supervisor_has_restarted_only_what_died(house, stack):
    assert all(stack.pids(role) for role in ("web", "worker", "beat")), stack.said
    assert not [line for line in stack.said if line.startswith("web ")], "nothing here harms the web server"
