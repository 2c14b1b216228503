"""Postgres dies, freezes and runs out of connections: no request hangs, none is answered 2xx, all of it heals."""

import contextlib
import os
import signal
from collections.abc import Iterator

import psutil
import psycopg2
import pytest

from config.services import process
from tests.faults.client import NO_ANSWER, Answer, Background, Client, Crowd
from tests.faults.house import House, Web, eventually

# The promise is 10 s; the rest is for a machine that is busy with other things.
LONGEST_REQUEST_SECONDS = 10.0 + 5.0
BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast' AND datname = current_database()
"""
BACKENDS_OF_PORTS = "SELECT pid FROM pg_stat_activity WHERE client_port = ANY (%s)"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def serving(lasting_house) -> Iterator[tuple[House, Web]]:
    """A web server and a relay that outlive every fault of this module."""
    # What a relay held when Postgres died comes back when its lease is over.
    house = lasting_house(FAULTS_LEASE_SECONDS=4)
    web = house.web()
    web.ready()
    relay = house.relay()
    yield house, web
    assert relay.alive, f"the relay did not live through it: {process.tail(relay.log)}"


@pytest.fixture
def house(serving: tuple[House, Web], ground) -> Iterator[House]:
    yield serving[0]
    ground.server.resume()
    if not process.birth(ground.server.pid):
        ground.server.start()


@pytest.fixture
def client(serving: tuple[House, Web]) -> Client:
    return serving[1].client


def must_be_refused(answer: Answer) -> None:
    """No turn may be acknowledged, and a refusal says when to come back."""
    assert answer.status in (503, NO_ANSWER), answer
    if answer.status == 503:
        assert "retry-after" in answer.headers
        assert answer.document["code"] == "persistence_unavailable"


def nobody_waited_too_long(house: House) -> None:
    assert max(attempt.seconds for attempt in house.history.attempts) < LONGEST_REQUEST_SECONDS


def retry_everything(house: House, client: Client) -> None:
    """Do what every client does: send again what was not acknowledged."""
    told = {attempt.request_id for attempt in house.history.acknowledged}
    waiting = {a.request_id: a.session_id for a in house.history.attempts if a.request_id not in told}
    for request_id, session_id in waiting.items():
        client.post_until_acknowledged(session_id, request_id)


def heals(house: House, client: Client) -> None:
    """All goes on by itself, and nothing was lost or doubled."""
    eventually(lambda: client.request("GET", "/readyz").status == 200, "the web server is ready again")
    retry_everything(house, client)
    house.drain()
    nobody_waited_too_long(house)
    house.check()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=["kill -9", "immediate shutdown"])
def test_postgres_dies_and_comes_back_while_turns_are_posted(house, client, ground, number):
    name, before = f"dies-{number.name}", len(house.history.acknowledged)
    with Crowd(client, [f"{name}-{index}" for index in range(12)], turns=8):
        eventually(lambda: len(house.history.acknowledged) > before + 10, "turns are posted")
        os.kill(ground.server.pid, number)
        process.wait_until(lambda: process.reap(ground.server.pid) is not None, 30)
        must_be_refused(client.post(f"{name}-down", f"{name}-down/1"))
        assert client.request("GET", "/readyz").status == 503
        assert client.request("GET", "/healthz").status == 200
        ground.server.start()
    heals(house, client)


@pytest.mark.slow
def test_a_frozen_postgres_answers_no_request_and_holds_none_beyond_the_deadline(house, client, ground):
    client.converse("frozen-before", 2)
    ground.server.freeze()
    asked = [
        Background(lambda number=number: client.post(f"frozen-{number}", f"frozen-{number}/1"))
        for number in range(6)
    ]
    ready = Background(lambda: client.request("GET", "/readyz"))
    for request in asked:
        must_be_refused(request.wait())
    assert ready.wait().status == 503
    assert client.request("GET", "/healthz").status == 200
    ground.server.resume()
    heals(house, client)


@pytest.mark.slow
def test_frozen_backends_cost_their_own_requests_only(house, client, serving):
    """The connections that the web server has freeze, idle as they are; new ones work."""
    client.converse("backends-before", 2)
    pids = process.group(serving[1].program.pid)
    ports = [found.laddr.port for pid in pids for found in psutil.Process(pid).net_connections("tcp")]
    frozen = [pid for (pid,) in house.query(BACKENDS_OF_PORTS, ports)]
    assert frozen
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        names = [f"backend-{number}" for number in range(4)]
        asked = [Background(lambda name=name: client.post(name, f"{name}/1")) for name in names]
        assert {request.wait().status for request in asked} <= {201, 503, NO_ANSWER}
        client.post_until_acknowledged("backends-after", "backends-after/1")
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    heals(house, client)


def test_without_a_free_connection_turns_are_refused_until_there_is_one(house, client, ground):
    client.converse("exhausted-before", 2)
    with contextlib.ExitStack() as taken:
        keeper = taken.enter_context(contextlib.closing(house.connect()))
        with keeper.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM ({BACKENDS}) AS backend")
        take_every_connection(taken, house)
        must_be_refused(client.post("exhausted", "exhausted/1"))
        assert client.request("GET", "/readyz").status == 503
    heals(house, client)


def take_every_connection(taken: contextlib.ExitStack, house: House) -> None:
    """Open connections until the server has no more."""
    with contextlib.suppress(psycopg2.OperationalError):
        while True:
            taken.enter_context(contextlib.closing(house.connect()))


def test_a_turn_that_meets_a_held_lock_is_refused_in_time_and_stored_by_the_retry(house, client, ground):
    client.converse("locked", 1)
    holder = house.connect()
    try:
        with holder.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM persistence_conversation FOR UPDATE")
            must_be_refused(client.post("locked", "locked/2"))
            assert client.post("not-locked", "not-locked/1").status == 201
    finally:
        holder.close()
    heals(house, client)
