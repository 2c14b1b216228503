"""Short words for turns that go into the cache as they do in production, and for looking at what lies there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from prometheus_client import REGISTRY

from persistence.history import HistoryTurn, from_postgres, history
from persistence.http.answers import as_json
from persistence.jsontext import dumps
from persistence.recent import cache
from persistence.transcript import FoundConversation
from persistence.turns import RecordedTurn
from tests.persistence.support import conversation_of, say

OUTCOMES = ("hit", "miss", "poisoned", "bypassed", "unavailable")


def tell(text: str = "hello", **more: Any) -> RecordedTurn:
    """Record a turn and put it into the cache after its commit."""
    recorded = say(text, **more)
    cache.append("demo", recorded)
    return recorded


def conversation(turns: int, **more: Any) -> FoundConversation:
    """Record so many turns past the cache, and find their conversation."""
    last = [say(f"turn {number}", **more) for number in range(1, turns + 1)][-1]
    return conversation_of(last)


def plain(found: FoundConversation, **page: Any) -> list[HistoryTurn]:
    """Read the page as it is without a cache."""
    return from_postgres(found, page.get("after_seq"), page.get("before_seq"), page.get("limit", 50))


def as_told(turns: list[HistoryTurn]) -> str:
    """Return turns as the API tells them: here 1.0 is not 1."""
    return dumps([{name: as_json(value) for name, value in turn._asdict().items()} for turn in turns])


def last(found: FoundConversation, limit: int = 20) -> list[HistoryTurn]:
    """Read the last turns, through the cache."""
    return history(found, before_seq=found.last_seq + 1, limit=limit)


def client() -> redis.Redis:
    """A client of the test's own."""
    return redis.Redis.from_url(settings.HOT_REDIS_URL)


def key(found: FoundConversation) -> str:
    return cache.key_of(found.domain, found.conversation_id)


def entries(found: FoundConversation) -> list[bytes]:
    with client() as own:
        return own.lrange(key(found), 0, -1)  # type: ignore[return-value]


def held_seqs(found: FoundConversation) -> list[int]:
    return [int(entry[:16]) for entry in entries(found)]


def outcomes() -> dict[str, float]:
    """Return what this process counted, by outcome."""
    name = "holdfast_history_cache_total"
    return {kind: REGISTRY.get_sample_value(name, {"outcome": kind}) or 0 for kind in OUTCOMES}


def fills() -> float:
    """Return how often this process has tried to put into the cache what it read."""
    labels = {"operation": "history_fill", "outcome": "ok"}
    return REGISTRY.get_sample_value("holdfast_hot_calls_total", labels) or 0


@contextmanager
def counted() -> Iterator[dict[str, float]]:
    """Give a dictionary that holds, after the block, how often each outcome was counted in it."""
    before, found = outcomes(), {}
    yield found
    found |= {kind: total - before[kind] for kind, total in outcomes().items() if total != before[kind]}


@contextmanager
def statements() -> Iterator[list[str]]:
    """Give the list of the statements that this thread sends Postgres in the block."""
    sent: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        sent.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield sent
