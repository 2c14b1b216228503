"""Session state in the tests' shared Redis, under sessions of each test's own."""

from collections.abc import Callable, Iterator

import pytest
import redis

from persistence.hot.client import Hot
from persistence.session.redis import RedisStore
from tests.contracts.session_state.kit import Told
from tests.persistence.session.rediskit import LONG


@pytest.fixture
def store(hot_at: Callable[..., Hot], redis_url: str) -> RedisStore:
    return RedisStore(hot_at(redis_url, budget=LONG))


@pytest.fixture
def told(store: RedisStore) -> Told:
    return Told(store)


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    """A plain client, for a look at what is really there."""
    with redis.Redis.from_url(redis_url) as client:
        yield client
