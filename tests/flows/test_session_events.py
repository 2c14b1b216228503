"""Live events of a session through real web servers: several workers, a stop, too many listeners, a Redis that restarts."""

import os
import signal
from collections.abc import Callable

import pytest

from config.services import process
from config.stack.processes import process_table
from tests.faults.client import Client
from tests.faults.house import House, Web, eventually
from tests.flows.listening import Listener, put

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Build = Callable[..., House]
# A stop that waited for a stream would take longer than these tests have.
NEVER = {"WEB_GRACEFUL_SECONDS": "120"}

CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'holdfast'
"""


@pytest.fixture
def two_workers(house: Build) -> Web:
    """A web server of two processes with one place for a stream in each."""
    web = house(SESSION_STATE_BACKEND="postgres").web(WEB_CONCURRENCY="2", EVENT_STREAMS="1", **NEVER)
    web.ready()
    return web


def until_there_is_room(client: Client, session: str, last_event_id: str = "") -> Listener:
    """Connect again and again, as EventSource does, until a process with a free place takes the stream."""
    found: list[Listener] = []

    def connected() -> bool:
        listener = Listener(client, session, last_event_id)
        if listener.status == 200:
            found.append(listener)
            return True
        assert (listener.status, listener.problem()["code"]) == (503, "too_many_streams")
        assert listener.headers["retry-after"]
        listener.close()
        return False

    eventually(connected, "a process has a place for the stream")
    return found[0]


def test_listeners_in_every_worker_hear_every_change_in_order_whichever_worker_made_it(two_workers):
    client = two_workers.client
    first = put(client, "s", n=0)
    # One place in each process: these two listeners are in different ones.
    with until_there_is_room(client, "s") as one, until_there_is_room(client, "s") as other:
        assert one.headers["content-type"].startswith("text/event-stream")
        assert one.next().id == other.next().id == str(first)
        for number in range(1, 11):
            version = put(client, "s", n=number)
            for listener in (one, other):
                assert [event.data["data"] for event in listener.until(version)] == [{"n": number}]


def test_a_listener_that_comes_back_to_another_worker_goes_on_where_it_was(two_workers):
    client = two_workers.client
    with until_there_is_room(client, "s") as listener:
        seen = put(client, "s", n=1)
        listener.until(seen)
    put(client, "s", n=2)
    last = put(client, "s", n=3)
    with until_there_is_room(client, "s", str(seen)) as listener:
        gap, state = listener.until(last)
    assert (gap.kind, gap.data) == ("gap", {"previous": seen, "version": last})
    assert (state.id, state.data["data"]) == (str(last), {"n": 3})


def test_streams_end_in_order_as_soon_as_the_server_is_told_to_stop(two_workers):
    client = two_workers.client
    with until_there_is_room(client, "s") as one, until_there_is_room(client, "t") as other:
        put(client, "s")
        one.next()
        os.kill(two_workers.program.pid, signal.SIGTERM)
        assert one.rest() == other.rest() == []
    eventually(lambda: not two_workers.program.alive, "the server has stopped")


def test_streams_of_the_stacks_own_web_server_end_as_soon_as_it_is_told_to_stop(house):
    home = house(SESSION_STATE_BACKEND="memory")
    with process.reserve_port() as port:
        number = port.getsockname()[1]
        table = process_table(
            web_port=number, flower_port=0, login=("", ""), schedule_file="", environ=home.environ
        )
        [web] = [entry for entry in table if entry.role == "web"]
        patient = ["120" if part == "10" else part for part in web.argv[1:]]
        program = home.start("web", *patient)
        client = home.client(f"http://127.0.0.1:{number}")
        eventually(lambda: client.request("GET", "/healthz").status == 200, "the web server answers")
        with Listener(client, "s") as listener:
            assert listener.status == 200
            os.kill(program.pid, signal.SIGTERM)
            assert listener.rest() == []
        eventually(lambda: not program.alive, "the server has stopped")


def test_streams_that_wait_hold_no_connection_to_postgres_where_the_store_needs_none(house):
    home = house(SESSION_STATE_BACKEND="memory")
    client = home.web(WEB_CONCURRENCY="1").ready()
    listeners = [Listener(client, "s") for _ in range(3)]
    assert {listener.status for listener in listeners} == {200}
    assert put(client, "s") == listeners[0].next().data["version"]
    # What the one PUT has used may stay, for the next request.
    assert home.value(CONNECTIONS) <= 1
    for listener in listeners:
        listener.close()


def test_turns_go_on_while_every_place_for_a_stream_is_taken(house):
    web = house(SESSION_STATE_BACKEND="memory").web(WEB_CONCURRENCY="1", WEB_THREADS="1", EVENT_STREAMS="3")
    client = web.ready()
    listeners = [Listener(client, "s") for _ in range(3)]
    assert {listener.status for listener in listeners} == {200}
    with Listener(client, "s") as refused:
        assert (refused.status, refused.problem()["code"]) == (503, "too_many_streams")
    assert [client.post("s", f"s/{number}").status for number in range(5)] == [201] * 5
    assert b"holdfast_event_streams 3.0" in client.request("GET", "/metrics").body

    # Each turn was told to everybody who listens; whoever leaves makes room.
    assert [listener.next().kind for listener in listeners] == ["state"] * 3
    listeners[0].close()
    until_there_is_room(client, "s").close()
    for listener in listeners:
        listener.close()
    eventually(
        lambda: b"holdfast_event_streams 0.0" in client.request("GET", "/metrics").body, "all have left"
    )


def test_a_listener_hears_what_comes_after_redis_was_killed_and_started_again(house, private_redis):
    redis = private_redis()
    # One process: another one may not have noticed the outage, and then the versions of the two are not in order.
    environ = {"HOT_REDIS_REST_SECONDS": "0.2", "WEB_CONCURRENCY": "1"}
    web = house(redis_url=redis.url, SESSION_STATE_BACKEND="redis").web(**environ, **NEVER)
    client = web.ready()
    with Listener(client, "s") as listener:
        first = put(client, "s", n=1)
        assert listener.until(first)[-1].data["data"] == {"n": 1}
        redis.kill()
        meanwhile = put(client, "s", n=2)
        redis.start()
        eventually(lambda: kept_in_redis(client), "state is kept in Redis again")
        last = put(client, "s", n=3)
        heard = listener.until(last)
    assert first < meanwhile < last
    told = [event.data["version"] for event in heard if event.kind == "state"]
    assert told == sorted(set(told)) and heard[-1].data["data"] == {"n": 3}


def kept_in_redis(client: Client) -> bool:
    answer = client.request("GET", "/api/v1/sessions/web/s/state")
    return answer.status == 200 and answer.document["kept_in"] == "redis"
