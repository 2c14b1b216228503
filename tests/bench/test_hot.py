"""What the benchmarks of hot state stand on: a Redis that may be frozen, and counting who waited for it."""

from contextlib import closing

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from bench.contenders import raw_state
from bench.contenders.state_shape import STATE_BYTES, state_data
from bench.figures.redis_frozen import SLOW_MS, most_within, slow
from bench.harness.hot import HotRedis, hot_redis
from config.services import process


def client_of(server: HotRedis) -> Redis:
    return Redis.from_url(server.server.url, socket_timeout=0.3, retry=Retry(NoBackoff(), 0))


def test_a_frozen_redis_answers_nothing_and_goes_on_afterwards(settings, local_dir):
    settings.LOCAL_DIR = local_dir
    with hot_redis() as server, closing(client_of(server)) as client:
        assert client.set("kept", "yes")
        with server.frozen(), pytest.raises(RedisTimeoutError):
            client.get("kept")
        assert client.get("kept") == b"yes"


def test_the_redis_for_hot_state_is_what_the_redis_first_level_asks_for_and_leaves_nothing(
    settings, local_dir
):
    settings.LOCAL_DIR = local_dir
    with hot_redis() as server, closing(client_of(server)) as client:
        assert client.info("persistence")["aof_enabled"] == 1
        assert client.info("memory")["maxmemory_policy"] == "noeviction"
        assert server.keys() == 0
    assert not process.is_ours(server.server.pid, server.server.proof)
    assert not list(local_dir.glob("hot-redis/*"))


def test_the_limit_of_a_versioned_write_refuses_a_version_that_is_not_the_last(settings, local_dir):
    settings.LOCAL_DIR = local_dir
    with hot_redis() as server, closing(client_of(server)) as client:
        replace = client.register_script(raw_state.REPLACE)
        assert replace(keys=["key"], args=[0, 1, b"state", 60]) == [1, b"1"]
        assert replace(keys=["key"], args=[0, 2, b"state", 60]) == [0, b"1"]


def test_a_state_has_a_kilobyte():
    assert len(raw_state.state_bytes()) == STATE_BYTES
    assert state_data() == state_data()


def test_the_turns_that_waited_are_counted_in_every_stretch_of_the_rest_and_not_in_a_fixed_grid():
    assert most_within(5, [4.0, 6.0, 20.0]) == 2
    assert most_within(5, [0.0, 5.0, 10.0]) == 1
    assert most_within(5, []) == 0


def test_only_what_session_state_took_makes_a_turn_a_slow_one():
    fast = (0.0, 500.0, 0.2)
    late = (1.0, 60.0, SLOW_MS + 0.1)
    assert slow([fast, late]) == [1.0]
