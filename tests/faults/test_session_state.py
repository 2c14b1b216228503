"""Redis-first session state: what was acknowledged comes to Postgres, whoever is killed or away meanwhile."""

import random
import time
from collections.abc import Iterator

import pytest

from config.services import process
from config.services import redis as services_redis
from tests.faults.client import Client
from tests.faults.house import House, eventually
from tests.faults.program import Program
from tests.faults.states import OK, App, get, in_postgres, lost, put
from tests.private_servers import PrivateServer
from tests.services_plugin import scratch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def hot() -> Iterator[PrivateServer]:
    server = PrivateServer(services_redis, scratch() / "faults-hot-redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def serving(lasting_house, hot: PrivateServer) -> Iterator[tuple[House, Client]]:
    house = lasting_house(
        HOT_REDIS_URL=hot.url,
        HOT_REDIS_REST_SECONDS=0.5,
        HOT_REDIS_BUDGET_MS=250,  # the machine is busy with more than this experiment
        SESSION_STATE_BACKEND="redis-first",
        WEB_CONCURRENCY=1,
    )
    web = house.web()
    client = web.ready()
    eventually(lambda: put(client, "first", 1).status in OK, "a state is acknowledged")
    yield house, client


@pytest.fixture
def house(serving: tuple[House, Client], hot: PrivateServer, ground) -> Iterator[House]:
    yield serving[0]
    for server in (hot, ground.server):
        server.resume()
        if process.birth(server.pid) is None:
            server.start()


@pytest.fixture
def client(serving: tuple[House, Client]) -> Client:
    return serving[1]


def crowd(client: Client, name: str, *, apps: int = 4, sessions: int = 5, steps: int = 30) -> list[App]:
    found = [App(client, f"{name}-{number}", sessions=sessions, steps=steps) for number in range(apps)]
    for app in found:
        app.start()
    return found


def applier(house: House) -> Program:
    return house.start("applier", "tests/faults/applier.py")


def settled(house: House) -> bool:
    """Say whether Redis has nothing more for Postgres, nor Postgres for Redis, and nothing went wrong."""
    house.manage("sessions", "heal")
    house.manage("sessions", "apply")
    _, found = house.manage("sessions", "status")
    return (
        found["ok"] and not found["unhealed"] and not any(it["pending"] for it in found["domains"].values())
    )


def test_a_redis_that_is_killed_before_anything_is_applied_loses_nothing(house, client, hot):
    apps = crowd(client, "killed", steps=1_000)
    for _ in range(3):
        time.sleep(1)
        hot.kill()
        time.sleep(0.3)
        hot.start()
    time.sleep(1)
    for app in apps:
        app.end()
    assert {status for app in apps for status in app.statuses} <= {200}, "Postgres stood in"
    eventually(lambda: settled(house), "everything is in Postgres")
    assert not lost(house, apps)


def test_workers_that_are_killed_again_and_again_apply_everything_once_they_may(house, client):
    chance = random.Random(4)
    apps = crowd(client, "workers", steps=60)
    workers = [applier(house), applier(house)]
    while any(app.is_alive() for app in apps):
        time.sleep(chance.uniform(0.2, 1.2))
        workers.pop(0).kill()
        workers.append(applier(house))
    for worker in workers:
        worker.kill()
    # What the killed ones held is anybody's after half a minute.
    eventually(lambda: settled(house), "everything is in Postgres", 90)
    assert not lost(house, apps)
    assert all(told.step == 60 for app in apps for told in app.told.values())


def test_while_postgres_is_out_states_are_acknowledged_and_read_and_come_to_it_afterwards(
    house, client, ground
):
    worker = applier(house)
    assert put(client, "known", 1).status in OK
    ground.server.stop()
    apps = crowd(client, "without", steps=20)
    for app in apps:
        app.join(60)
    assert {status for app in apps for status in app.statuses} <= {200, 201}
    assert get(client, "without-0-0").document["data"]["step"] == 20
    ground.server.start()
    eventually(lambda: settled(house), "everything is in Postgres")
    assert worker.alive, "it waited for Postgres; nobody had to start it again"
    worker.kill()
    assert not lost(house, apps)


def test_a_frozen_redis_comes_back_with_an_old_state_and_gets_the_newer_one(house, client, hot):
    assert put(client, "frozen", 1).status in OK
    hot.freeze()
    for step in range(2, 6):
        assert put(client, "frozen", step).status in OK
    assert get(client, "frozen").document["data"]["step"] == 5
    time.sleep(1)
    hot.resume()
    eventually(lambda: get(client, "frozen").document["kept_in"] == "redis", "Redis is used again")
    found = get(client, "frozen").document
    assert found["data"]["step"] == 5
    eventually(lambda: settled(house), "everything is in Postgres")
    assert in_postgres(house)["frozen"] == (found["version"], 5)
