"""One setting says where a domain's session state is kept, and it may change at any time."""

import pytest

from persistence.session.fallback import FailOpen
from persistence.session.memory import MemoryStore
from persistence.session.postgres import PostgresStore
from persistence.session.redis_first import RedisFirst
from persistence.session.stores import store_for


@pytest.mark.parametrize(
    ("backend", "domains", "demo", "other"),
    [
        ("memory", [], MemoryStore, MemoryStore),
        ("postgres", [], PostgresStore, PostgresStore),
        ("redis", [], FailOpen, FailOpen),
        ("redis", ["demo"], FailOpen, FailOpen),
        ("redis-first", [], RedisFirst, RedisFirst),
        ("redis-first", ["demo"], RedisFirst, FailOpen),
    ],
)
def test_each_domain_gets_the_store_of_its_level(settings, backend, domains, demo, other):
    settings.SESSION_STATE_BACKEND = backend
    settings.SESSION_STATE_REDIS_FIRST_DOMAINS = domains
    assert type(store_for("demo")) is demo
    assert type(store_for("other")) is other


def test_a_process_has_one_memory(settings):
    settings.SESSION_STATE_BACKEND = "memory"
    assert store_for("demo") is store_for("other")
