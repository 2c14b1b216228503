"""A write says until when it may be carried out, by the server's clock, whatever this machine's says."""

import time

import pytest

from persistence.hot.client import hot
from persistence.hot.clock import SLACK_MS, ServerClock
from persistence.session.port import NewState
from persistence.session.redis import RedisStore

HOUR_MS = 3_600_000


def test_until_an_answer_comes_the_time_is_this_machines():
    before = time.time() * 1000
    moment = ServerClock().last_moment(0.5)
    assert before + 500 + SLACK_MS - 1 <= moment <= time.time() * 1000 + 500 + SLACK_MS


def test_an_answer_sets_the_time():
    clock = ServerClock()
    clock.heard(HOUR_MS)
    assert HOUR_MS + SLACK_MS <= clock.last_moment(0) < 2 * HOUR_MS


@pytest.mark.parametrize("wrong_by", [-HOUR_MS, HOUR_MS])
def test_a_server_with_another_clock_than_ours_is_understood_at_once(settings, wrong_by):
    settings.HOT_REDIS_BUDGET_MS = 500
    clock = hot().clock
    clock.heard(int(time.time() * 1000) + wrong_by)
    store = RedisStore(hot())
    for _ in range(2):
        assert store.put("demo", "web", "c" * 64, NewState("active", {}, 1), ttl=10).state == "active"
    assert abs(clock.last_moment(0) - time.time() * 1000) < HOUR_MS / 2
