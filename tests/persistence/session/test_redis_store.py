"""Session state in Redis beyond the contract of all stores: one round trip, streams, and outages."""

import json
import time
from uuid import uuid4

import pytest
import redis

from persistence.session.behind.stream import key_of
from persistence.session.errors import SessionStateUnavailable, StaleVersion
from persistence.session.port import MUST_NOT_EXIST, NewState
from persistence.session.redis import RedisStore, state_key
from tests.contracts.session_state.kit import Told
from tests.persistence.hot.endpoints import never_accepting, nobody, saying, serving
from tests.persistence.hot.support import eventually
from tests.persistence.session.rediskit import LONG, copy_of


def test_a_session_may_hold_a_text_that_lua_and_json_would_spoil(told):
    data = {
        "big": 2**63 + 1,
        "exact": 1.0,
        "small": 1e-320,
        "text": 'quo"te \\ \u2028 \x7f é 𝄞',
        "empty": {},
        "list": [],
    }
    told.put(data=data)
    assert told.get().data == data
    touched = told.touch()
    assert json.dumps(touched.data) == json.dumps(data)


def test_what_is_no_json_is_refused_before_anything_is_asked(told):
    for data in ({"x": float("nan")}, {"x": "\ud800"}, {"x": object()}):
        with pytest.raises((ValueError, TypeError)):
            told.put(data=data)
    assert told.get() is None
    assert not told.store.hot.is_out


def test_a_server_that_forgot_the_scripts_is_told_them_again(told, raw):
    first = told.put()
    raw.script_flush()
    assert told.put(expected_version=first.version).version > first.version
    raw.script_flush()
    assert told.clear() is not None


def test_each_change_is_one_script_and_nothing_else(hot_at, private_redis):
    server = private_redis()
    told = Told(RedisStore(hot_at(server.url, budget=LONG)))
    told.put()
    told.touch()
    told.clear()
    with redis.Redis.from_url(server.url) as raw:
        raw.config_resetstat()
        kept = told.put()
        with pytest.raises(StaleVersion):
            told.put(expected_version=kept.version - 1)
        told.touch()
        told.get()
        told.clear()
        found = raw.info("commandstats")
    # Outside of the scripts there was one command for the reading.
    assert found["cmdstat_evalsha"]["calls"] == 4
    assert "cmdstat_eval" not in found


def test_the_time_to_live_begins_anew_with_every_change(told, raw):
    key = state_key(*told.name)
    told.put(ttl=100)
    assert 90 < raw.ttl(key) <= 100
    told.touch(ttl=500)
    assert 490 < raw.ttl(key) <= 500
    told.clear(ttl=50)
    assert 40 < raw.ttl(key) <= 50


def test_all_keys_of_a_domain_share_a_slot(told):
    name = state_key(*told.name)
    assert name == f"hf:{{demo}}:web:{told.session}"
    assert key_of("demo") == "hfw:{demo}"


# --- Written behind ----------------------------------------------------------------------------------------


def test_each_change_is_on_the_stream_as_a_whole(hot_at, private_redis):
    server = private_redis()
    told = Told(RedisStore(hot_at(server.url, budget=LONG), stream=True))
    put = told.put("running", {"step": 1}, turn_id=uuid4())
    touched = told.touch(None)
    cleared = told.clear()
    with redis.Redis.from_url(server.url, decode_responses=True) as raw:
        first, second, third = [fields for _, fields in raw.xrange(key_of("demo"))]
    assert first["kind"] == second["kind"] == "state"
    assert (first["channel"], first["session"], first["data"]) == ("web", told.session, '{"step":1}')
    assert [int(entry["version"]) for entry in (first, second, third)] == [
        put.version,
        touched.version,
        cleared,
    ]
    assert [int(entry["previous"]) for entry in (first, second, third)] == [0, put.version, touched.version]
    assert first["turn_id"] == str(put.turn_id)
    assert (second["turn_id"], second["confidence"]) == (str(touched.turn_id), "")
    assert int(first["expires_at"]) == int(first["updated_at"]) + 60_000
    assert (third["kind"], third["cleared"]) == ("cleared", "1")
    assert "data" not in third


def test_what_was_refused_is_not_on_the_stream(hot_at, private_redis):
    server = private_redis()
    told = Told(RedisStore(hot_at(server.url, budget=LONG), stream=True))
    told.put()
    with pytest.raises(StaleVersion):
        told.put(expected_version=5)
    assert told.store.adopt([copy_of(told, 5)]) == 0
    with redis.Redis.from_url(server.url) as raw:
        assert raw.xlen(key_of("demo")) == 1


def test_a_stream_that_cannot_be_written_leaves_the_state_as_it_was(hot_at, private_redis):
    server = private_redis()
    told = Told(RedisStore(hot_at(server.url, budget=LONG, rest=LONG), stream=True))
    kept = told.put()
    with redis.Redis.from_url(server.url) as raw:
        raw.set(key_of("demo"), "no stream")
        with pytest.raises(SessionStateUnavailable):
            told.put("paused")
        assert raw.hget(state_key(*told.name), "version") == str(kept.version).encode()


# --- Outages -----------------------------------------------------------------------------------------------


def test_without_memory_nothing_is_half_done(hot_at, private_redis):
    server = private_redis()
    told = Told(RedisStore(hot_at(server.url, budget=LONG, rest=LONG)))
    told.put()
    with redis.Redis.from_url(server.url) as raw:
        key = state_key(*told.name)
        before = raw.hgetall(key)
        raw.config_set("maxmemory", 1)
        for change in (told.put, told.clear, told.touch):
            other = Told(RedisStore(hot_at(server.url, budget=LONG, rest=LONG)), told.session)
            with pytest.raises(SessionStateUnavailable) as caught:
                getattr(other, change.__name__)()
            assert caught.value.reason == "out_of_memory"
        assert raw.hgetall(key) == before


@pytest.mark.parametrize(
    "answer",
    [
        b"+OK\r\n",
        b":7\r\n",
        b"$-1\r\n",
        b"*1\r\n+kept\r\n",
        b"not redis\r\n",
        b"+a b c d\r\n",
        b"+1 2\r\n",
        b"*2\r\n+late\r\n+soon\r\n",
        b"*1\r\n*0\r\n",
        b"*0\r\n",
    ],
)
def test_answers_that_are_none_are_an_outage_and_never_an_error_of_ours(hot_at, answer):
    with serving(saying(answer)) as url:
        told = Told(RedisStore(hot_at(url, budget=LONG, rest=LONG)))
        with pytest.raises(SessionStateUnavailable):
            told.put()
        assert told.store.hot.is_out


def test_where_nothing_answers_every_method_says_so(hot_at):
    with never_accepting() as silent:
        for url in (silent, nobody(), ""):
            told = Told(RedisStore(hot_at(url, budget=0.05, rest=LONG)))
            for method in (told.get, told.put, told.touch, told.clear):
                with pytest.raises(SessionStateUnavailable):
                    method()
            with pytest.raises(SessionStateUnavailable):
                told.store.forget(iter([told.name]))
            with pytest.raises(SessionStateUnavailable):
                told.store.adopt([copy_of(told, 5)])


def test_a_server_that_came_back_empty_has_no_state_and_its_versions_go_on(hot_at, private_redis):
    server = private_redis()
    told = Told(RedisStore(hot_at(server.url, budget=LONG)))
    kept = told.put()
    with redis.Redis.from_url(server.url) as raw:
        raw.flushall()
    assert told.get() is None
    with pytest.raises(StaleVersion):
        told.put(expected_version=kept.version)
    assert told.put(expected_version=MUST_NOT_EXIST).version > kept.version


def test_forgetting_leaves_no_trace(told, raw):
    told.put()
    other = Told(told.store)
    other.put()
    other.clear()
    assert told.store.forget(iter([told.name, other.name, Told(told.store).name])) == 2
    assert not raw.exists(state_key(*told.name), state_key(*other.name))


def test_the_store_gives_back_what_the_caller_gave(told):
    turn = uuid4()
    new = NewState("running", {"step": 1}, 4, 0.5, turn)
    kept = told.store.put(*told.name, new, ttl=60)
    assert kept == told.get()
    assert (kept.confidence, kept.turn_id, kept.redaction_version, kept.kept_in) == (0.5, turn, 4, "redis")


# --- Writes that were given up -----------------------------------------------------------------------------


def test_a_frozen_server_does_not_carry_out_later_what_was_given_up(hot_at, private_redis):
    server = private_redis()
    told = Told(RedisStore(hot_at(server.url, budget=0.1)))
    kept = told.put("before")
    server.freeze()
    with pytest.raises(SessionStateUnavailable):
        told.put("given up")
    time.sleep(0.3)  # past the moment until which it was asked for
    server.resume()
    eventually(lambda: not told.store.hot.is_out)
    assert told.get() == kept


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_server_whose_clock_is_another_one_is_not_taken_for_late(told, hours):
    told.store.hot.clock.heard(int(time.time() * 1000) + hours * 3_600_000)
    kept = told.put()
    assert told.touch().version > kept.version
    assert told.clear() is not None
