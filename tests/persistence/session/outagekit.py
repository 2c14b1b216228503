"""Short words for what the tests of outages do: write and read a session, take Redis away, wait until it is used again."""

from typing import Any
from uuid import UUID

import redis

from config.services import process
from persistence.hot.client import hot
from persistence.models import SessionState as Row
from persistence.session.port import NewState, SessionState, TurnFacts
from persistence.session.redis import RedisStore
from persistence.session.stores import store_for

DOMAIN, CHANNEL = "demo", "web"
TTL = 600
TURN = UUID("0190f3a0-0000-7000-8000-000000000001")
SOON = 30.0


def name_of(number: int) -> str:
    return f"{number:064x}"


SESSION = name_of(1)


def put(step: int, *, session: str = SESSION, expected: int | None = None, **more: Any) -> SessionState:
    new = NewState("active", {"step": step}, 1, **more)
    return store_for(DOMAIN).put(DOMAIN, CHANNEL, session, new, expected_version=expected, ttl=TTL)


def get(session: str = SESSION) -> SessionState | None:
    return store_for(DOMAIN).get(DOMAIN, CHANNEL, session)


def step(session: str = SESSION) -> int | None:
    found = get(session)
    return found and found.data["step"]


def touch(session: str = SESSION) -> SessionState | None:
    facts = TurnFacts(TURN, 0.75, 1, "active")
    return store_for(DOMAIN).touch(DOMAIN, CHANNEL, session, facts, ttl=TTL)


def clear(session: str = SESSION, *, expected: int | None = None) -> int | None:
    return store_for(DOMAIN).clear(DOMAIN, CHANNEL, session, expected_version=expected, ttl=TTL)


def in_redis(session: str = SESSION) -> SessionState | None:
    """What Redis itself has."""
    return RedisStore(hot()).get(DOMAIN, CHANNEL, session)


def row(session: str = SESSION) -> Row | None:
    return Row.objects.filter(session_hash=bytes.fromhex(session)).first()


def plain(url: str) -> redis.Redis:
    """A client without deadline and breaker, for the test's own questions."""
    return redis.Redis.from_url(url, socket_timeout=10)


def until_used_again() -> None:
    """Wait until Redis is in use, healed."""
    assert process.wait_until(lambda: not hot().is_out, SOON), "Redis was never used again"


def eventually(true: Any, what: str) -> None:
    assert process.wait_until(lambda: bool(true()), SOON), f"never came true: {what}"
