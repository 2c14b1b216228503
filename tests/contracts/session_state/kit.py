"""The stores that the contract of session state is held against, and short words for speaking to them."""

import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, connections

from persistence.hot.client import hot
from persistence.session.errors import StaleVersion
from persistence.session.fallback import FailOpen
from persistence.session.memory import MemoryStore
from persistence.session.port import (
    MUST_NOT_EXIST,
    Change,
    NewState,
    SessionState,
    SessionStateStore,
    Subscription,
    TurnFacts,
)
from persistence.session.postgres import PostgresStore
from persistence.session.redis import RedisStore
from persistence.session.redis_first import RedisFirst

DOMAIN, CHANNEL = "demo", "web"
STORES: dict[str, Callable[[], SessionStateStore]] = {
    "memory": MemoryStore,
    "postgres": PostgresStore,
    "redis": lambda: RedisStore(hot()),
    "fail-open": lambda: FailOpen(RedisStore(hot()), PostgresStore(lenient=True)),
    "redis-first": lambda: RedisFirst(RedisStore(hot(), stream=True), PostgresStore(lenient=True)),
}
FORGETFUL = ("memory", "postgres", "redis")  # what erasure asks
SHARED = [name for name in STORES if name != "memory"]  # by several processes
LIVE = frozenset({"pending", "running", "paused"})


class Told:
    """One session of a store, named at random, so that tests can share servers."""

    def __init__(self, store: SessionStateStore, session: str = "") -> None:
        self.store = store
        self.session = session or secrets.token_hex(32)
        self.name = (DOMAIN, CHANNEL, self.session)

    def get(self) -> SessionState | None:
        return self.store.get(*self.name)

    def put(
        self,
        state: str = "active",
        data: Any = None,
        *,
        expected_version: int | None = None,
        ttl: int = 60,
        **more: Any,
    ) -> SessionState:
        given = {"data": {} if data is None else data, "redaction_version": 1} | more
        return self.store.put(
            *self.name, NewState(state=state, **given), expected_version=expected_version, ttl=ttl
        )

    def touch(
        self, confidence: float | None = 0.5, *, initial: str = "active", ttl: int = 60
    ) -> SessionState:
        found = self.try_to_touch(confidence, initial=initial, ttl=ttl)
        assert found is not None
        return found

    def try_to_touch(
        self, confidence: float | None = 0.5, *, initial: str = "active", ttl: int = 60
    ) -> SessionState | None:
        return self.store.touch(*self.name, TurnFacts(uuid.uuid4(), confidence, 1, initial), ttl=ttl)

    def clear(self, *, expected_version: int | None = None, ttl: int = 60) -> int | None:
        return self.store.clear(*self.name, expected_version=expected_version, ttl=ttl)

    def listen(self, after_version: int | None = None) -> Any:
        return self.store.subscribe(*self.name, after_version=after_version)


def heard(subscription: Subscription, through: int, patience: float = 15) -> list[Change]:
    """Return what is told up to and with this version."""
    ends_at = time.monotonic() + patience
    changes: list[Change] = []
    while not changes or changes[-1].kind == "gap" or changes[-1].version < through:
        assert time.monotonic() < ends_at, f"version {through} was not told; only {changes}"
        change = subscription.next(0.5)
        if change is not None:
            changes.append(change)
    return changes


def assert_nothing_is_hidden(changes: list[Change], written: list[int]) -> None:
    """Every version was told in order, or a gap stands in its place; what is told was written."""
    seen = 0
    marked = True  # before the first there is nothing to miss
    for change in changes:
        assert change.version > seen or change.kind == "gap"
        if change.kind == "gap":
            assert change.previous == seen
            marked = True
            continue
        assert change.version in written
        missed = [version for version in written if seen < version < change.version]
        assert marked or not missed, f"{missed} were neither told nor marked"
        seen, marked = change.version, False
    assert seen == written[-1]


def until_gone(told: Told, patience: float = 15) -> None:
    """Wait until the session's state has passed."""
    ends_at = time.monotonic() + patience
    while told.get() is not None:
        assert time.monotonic() < ends_at, "the state outlived its time"
        time.sleep(0.05)


def in_threads(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Do the work in so many threads that start at once; return what each returned."""
    together = threading.Barrier(number)

    def run(index: int) -> Any:
        try:
            connection.ensure_connection()
            together.wait(60)
            return work(index)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def count_up(told: Told, times: int) -> int:
    """Raise the counter in the data so many times by compare-and-set; return how often another was faster."""
    refused = 0
    found = told.get()
    for _ in range(times):
        while True:
            count = found.data["count"] + 1 if found else 1
            version = found.version if found else MUST_NOT_EXIST
            try:
                found = told.put(data={"count": count}, expected_version=version)
                break
            except StaleVersion as stale:
                refused += 1
                found = stale.state
    return refused


def sessions_of(*told: Told) -> Iterator[tuple[str, str, str]]:
    yield from (each.name for each in told)
