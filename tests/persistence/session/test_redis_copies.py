"""What another store kept goes into Redis wherever it is newer, and nowhere else."""

import pytest
import redis

from persistence.session.redis import RedisStore, state_key
from tests.contracts.session_state.kit import Told
from tests.persistence.session.rediskit import LONG, copy_of


@pytest.fixture
def store(hot_at, redis_url):
    return RedisStore(hot_at(redis_url, budget=LONG))


@pytest.fixture
def told(store):
    return Told(store)


@pytest.fixture
def raw(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_a_newer_copy_is_taken_over_and_told(told, raw):
    kept = told.put()
    copy = copy_of(told, kept.version + 5)
    with told.store.subscribe(*told.name, after_version=kept.version) as heard:
        assert told.store.adopt([copy]) == 1
        change = heard.next(LONG)
    assert told.get() == copy.state
    assert (change.kind, change.version, change.previous, change.state) == (
        "state",
        copy.version,
        kept.version,
        copy.state,
    )
    assert 0 < raw.ttl(state_key(*told.name)) <= 60


def test_an_older_copy_is_not(told):
    kept = told.put()
    assert told.store.adopt([copy_of(told, kept.version), copy_of(told, kept.version - 1)]) == 0
    assert told.get() == kept


def test_an_older_copy_does_not_come_back_after_a_clearing(told):
    kept = told.put()
    told.clear()
    assert told.store.adopt([copy_of(told, kept.version)]) == 0
    assert told.get() is None


def test_a_clearing_elsewhere_clears_here(told):
    kept = told.put()
    assert told.store.adopt([copy_of(told, kept.version + 5, cleared=True)]) == 1
    assert told.get() is None
    assert told.put().version > kept.version + 5


def test_a_copy_whose_time_has_passed_is_left(told):
    assert told.store.adopt([copy_of(told, 5, seconds=-1)]) == 0
    assert told.get() is None


def test_a_copy_may_be_taken_over_twice(told):
    copy = copy_of(told, 1_800_000_000_000)
    assert [told.store.adopt([copy]) for _ in range(2)] == [1, 0]
