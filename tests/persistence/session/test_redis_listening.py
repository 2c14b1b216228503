"""Listening to a session in Redis, and going on when Redis does not: in order, and never silently with a hole."""

import threading
import time
from itertools import pairwise

import pytest
import redis

from persistence.session import listen
from persistence.session.errors import SessionStateUnavailable
from persistence.session.port import Change, SessionState
from persistence.session.redis import RedisStore, state_key
from tests.contracts.session_state.kit import Told
from tests.persistence.hot.support import eventually
from tests.persistence.session.rediskit import LONG

pytestmark = pytest.mark.usefixtures("quickly")


@pytest.fixture
def quickly(monkeypatch):
    """The same patience, in tenths of a second."""
    monkeypatch.setattr(listen, "SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(listen, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(listen, "CONNECT_SECONDS", 0.5)


@pytest.fixture
def server(private_redis):
    return private_redis()


@pytest.fixture
def told(hot_at, server):
    return Told(RedisStore(hot_at(server.url, budget=1.0)))


@pytest.fixture
def raw(server):
    with redis.Redis.from_url(server.url) as client:
        yield client


def cut(raw):
    """Hang up on all listeners, as a network does."""
    assert raw.client_kill_filter(_type="pubsub") > 0


def heard_until(heard, version) -> list[Change]:
    """Return what is told up to that version."""
    changes = []
    while not changes or changes[-1].version < version or changes[-1].kind == "gap":
        change = heard.next(LONG)
        assert change is not None, "it was never told"
        changes.append(change)
    return changes


def test_a_lost_connection_is_made_again_and_what_was_missed_is_a_gap(told, raw):
    first = told.put()
    with told.store.subscribe(*told.name) as heard:
        assert heard.next(LONG).version == first.version
        cut(raw)
        told.put()
        third = told.put()
        changes = heard_until(heard, third.version)
    assert [(change.kind, change.version) for change in changes] == [
        ("gap", third.version),
        ("state", third.version),
    ]
    assert changes[0].previous == first.version


def test_a_lost_connection_in_which_nothing_happened_is_not_heard_of(told, raw):
    first = told.put()
    with told.store.subscribe(*told.name) as heard:
        assert heard.next(LONG).version == first.version
        cut(raw)
        assert heard.next(1.0) is None
        second = told.put()
        assert heard.next(LONG) == Change("state", second.version, first.version, second)


def test_one_version_missed_is_told_without_a_gap_for_nothing_is_missing(told, raw):
    first = told.put()
    with told.store.subscribe(*told.name) as heard:
        assert heard.next(LONG).version == first.version
        cut(raw)
        second = told.put()
        assert heard.next(LONG) == Change("state", second.version, first.version, second)


def test_a_clearing_that_was_missed_is_told(told, raw):
    first = told.put()
    with told.store.subscribe(*told.name) as heard:
        heard.next(LONG)
        cut(raw)
        cleared = told.clear()
        assert heard.next(LONG) == Change("cleared", cleared, first.version)


def test_a_server_that_restarts_with_its_data_is_listened_to_again(told, server):
    first = told.put()
    time.sleep(1.1)  # appendfsync everysec
    with told.store.subscribe(*told.name) as heard:
        heard.next(LONG)
        server.stop()
        assert heard.next(0.5) is None
        server.start()
        eventually(lambda: not told.store.hot.is_out)
        second = told.put(expected_version=first.version)
        assert heard.next(LONG) == Change("state", second.version, first.version, second)


def test_a_server_that_comes_back_empty_is_a_gap_without_a_state(told, raw):
    first = told.put()
    with told.store.subscribe(*told.name) as heard:
        heard.next(LONG)
        raw.flushall()
        cut(raw)
        assert heard.next(LONG) == Change("gap", first.version, first.version)
        assert heard.next(0.5) is None, "said once"
        second = told.put()
        assert heard.next(LONG) == Change("state", second.version, 0, second)


def test_what_comes_back_within_a_second_look_was_never_away(told, raw, monkeypatch):
    monkeypatch.setattr(listen, "LOOK_SECONDS", LONG)
    told.put()
    with told.store.subscribe(*told.name) as heard:
        heard.next(LONG)
        raw.flushall()
        cut(raw)
        assert heard.next(0.5) is None
        second = told.put()
        assert [change.kind for change in heard_until(heard, second.version)] == ["gap", "state"]


def test_a_server_that_says_nothing_is_asked_and_then_left(told, server, raw):
    first = told.put()
    with told.store.subscribe(*told.name) as heard:
        heard.next(LONG)
        before = heard._connection
        server.freeze()
        eventually(lambda: heard.next(0.1) is None and heard._connection is None)
        server.resume()
        eventually(lambda: not told.store.hot.is_out)
        second = told.put()
        assert heard_until(heard, second.version)[-1].state == second
        assert heard._connection is not before
        assert first.version < second.version


def test_silence_alone_is_no_outage(told):
    told.put()
    with told.store.subscribe(*told.name) as heard:
        heard.next(LONG)
        connection = heard._connection
        assert heard.next(1.5) is None, "five times as long as it takes to be asked"
        assert heard._connection is connection


def test_while_redis_is_out_what_stands_in_for_it_is_read(told, server):
    first = told.put()
    standby: list[SessionState | None] = []

    def read(*_):
        if not standby:
            raise SessionStateUnavailable("not yet")
        return standby[-1]

    told.store.read = read
    with told.store.subscribe(*told.name) as heard:
        heard.next(LONG)
        server.stop()
        assert heard.next(0.5) is None
        standby.append(
            SessionState("paused", "demo", None, None, first.version + 7, 1, first.updated_at, {}, "postgres")
        )
        changes = heard_until(heard, first.version + 7)
        assert [change.kind for change in changes] == ["gap", "state"]
        assert changes[-1].state == standby[-1]
        standby.append(None)
        assert heard.next(LONG) == Change("gap", first.version + 7, first.version + 7)


def test_where_redis_is_out_from_the_beginning_listening_begins_all_the_same(told, server):
    kept = told.put()
    server.stop()
    with told.store.subscribe(*told.name, after_version=kept.version) as heard:
        assert heard.next(0.3) is None
        server.start()
        eventually(lambda: not told.store.hot.is_out)
        new = told.put()
        assert heard_until(heard, new.version)[-1].state == new


def test_without_a_url_nothing_is_told_and_nothing_breaks(hot_at):
    told = Told(RedisStore(hot_at("")))
    with told.store.subscribe(*told.name) as heard:
        assert heard.next(0.3) is None


def test_somebody_elses_message_is_not_told(told, raw):
    first = told.put()
    key = state_key(*told.name)
    with told.store.subscribe(*told.name) as heard:
        heard.next(LONG)
        for message in (
            b"hello",
            b"\xff",
            b"[" * 100_000,
            b'{"kind":"state","version":9e99}',
            b"{}",
            b"null",
        ):
            raw.publish(key, message)
        second = told.put()
        assert heard_until(heard, second.version) == [Change("state", second.version, first.version, second)]


def test_every_session_is_listened_to_by_itself(told):
    other = Told(told.store)
    with told.store.subscribe(*told.name) as heard:
        other.put()
        assert heard.next(0.3) is None


def test_a_listener_that_leaves_leaves_no_connection(told, raw):
    with told.store.subscribe(*told.name):
        assert raw.pubsub_numsub(state_key(*told.name))[0][1] == 1
    eventually(lambda: raw.pubsub_numsub(state_key(*told.name))[0][1] == 0)


def test_a_listener_hears_every_version_of_a_busy_session_in_order_while_connections_break(told, raw):
    over, cuts = threading.Event(), []

    def disturb():
        while not over.wait(0.05):
            cuts.append(raw.client_kill_filter(_type="pubsub"))

    disturbing = threading.Thread(target=disturb)
    writing = threading.Thread(target=lambda: [told.put(data={"n": n}) for n in range(1500)])
    with told.store.subscribe(*told.name) as heard:
        disturbing.start()
        writing.start()
        changes = []
        while (
            writing.is_alive()
            or not changes
            or changes[-1].state is None
            or changes[-1].state.data != {"n": 1499}
        ):
            change = heard.next(0.2)
            if change is not None:
                changes.append(change)
    over.set()
    disturbing.join()
    writing.join()
    assert_in_order(changes)
    assert sum(cuts) > 0, "no connection was broken"


def assert_in_order(changes: list[Change]) -> None:
    """Every change follows on the one before, or a gap says that it does not."""
    for before, after in pairwise(changes):
        if after.kind == "gap":
            assert after.previous == before.version
        elif before.kind == "gap":
            assert after.version == before.version
        else:
            assert after.previous == before.version
            assert after.version > before.version
