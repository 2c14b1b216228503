"""Level 3: Redis acknowledges, Postgres follows. What Redis has lost is brought back from Postgres first."""

import contextlib
import time
from contextlib import AbstractContextManager
from weakref import WeakKeyDictionary

from persistence.hot.client import Hot
from persistence.hot.errors import HotUnavailable
from persistence.session.behind.stream import register
from persistence.session.copies import copy_of_session
from persistence.session.errors import SessionStateUnavailable, StaleVersion
from persistence.session.fallback import FailOpen
from persistence.session.port import MUST_NOT_EXIST, NewState, SessionState, Subscription, TurnFacts
from persistence.session.postgres import PostgresStore
from persistence.session.redis import RedisStore

NOTE_AGAIN_SECONDS = 60.0
POSTGRES_RESTS_SECONDS = 5.0


class RedisFirst(FailOpen):
    """``SessionStateStore`` of a Redis-first domain; ``primary`` streams what it keeps.

    A change is acknowledged when Redis has the state and, in the same step, the entry from which it is written behind.
    While Redis is out Postgres acknowledges; while Postgres is out Redis goes on alone. Only both stop it.
    """

    def __init__(self, primary: RedisStore, standby: PostgresStore) -> None:
        super().__init__(Restoring(primary), standby, written_behind=True)
        primary.read = primary.read or self.get


class Restoring:
    """``SessionStateStore`` in Redis, which brings back what Redis has lost (a restart, a flush) where Postgres has it.

    A write that neither expects a version nor has a lifecycle does not ask: it replaces whatever there was.
    """

    def __init__(self, primary: RedisStore) -> None:
        self._primary = primary

    def get(self, domain: str, channel: str, session: str) -> SessionState | None:
        found = self._primary.look(domain, channel, session)
        if found is not None:
            return found.state
        if self._brought_back(domain, session):
            return self._primary.get(domain, channel, session)
        return None

    def put(
        self,
        domain: str,
        channel: str,
        session: str,
        new: NewState,
        *,
        expected_version: int | None = None,
        ttl: int,
    ) -> SessionState:
        where = (domain, channel, session)
        note(self._primary.hot, domain)
        if new.allowed_from is not None or expected_version == MUST_NOT_EXIST:
            self._is_back(*where)
        try:
            return self._primary.put(*where, new, expected_version=expected_version, ttl=ttl)
        except StaleVersion as stale:
            if stale.state is not None or not self._is_back(*where):
                raise
        return self._primary.put(*where, new, expected_version=expected_version, ttl=ttl)

    def touch(
        self, domain: str, channel: str, session: str, facts: TurnFacts, *, ttl: int
    ) -> SessionState | None:
        note(self._primary.hot, domain)
        self._is_back(domain, channel, session)
        return self._primary.touch(domain, channel, session, facts, ttl=ttl)

    def clear(
        self, domain: str, channel: str, session: str, *, expected_version: int | None = None, ttl: int
    ) -> int | None:
        where = (domain, channel, session)
        note(self._primary.hot, domain)
        try:
            version = self._primary.clear(*where, expected_version=expected_version, ttl=ttl)
        except StaleVersion as stale:
            if stale.state is not None or not self._is_back(*where):
                raise
        else:
            if version is not None or not self._is_back(*where):
                return version
        return self._primary.clear(*where, expected_version=expected_version, ttl=ttl)

    def subscribe(
        self, domain: str, channel: str, session: str, *, after_version: int | None = None
    ) -> AbstractContextManager[Subscription]:
        return self._primary.subscribe(domain, channel, session, after_version=after_version)

    def _is_back(self, domain: str, channel: str, session: str) -> bool:
        """Say whether Redis had nothing of the session, not even its clearing, and has it again."""
        return self._primary.look(domain, channel, session) is None and self._brought_back(domain, session)

    def _brought_back(self, domain: str, session: str) -> bool:
        """Take over what Postgres has. Without an answer of Postgres' Redis goes on alone."""
        if time.monotonic() < _postgres.rests_until:
            return False
        try:
            copy = copy_of_session(domain, session)
        except SessionStateUnavailable:
            _postgres.rests_until = time.monotonic() + POSTGRES_RESTS_SECONDS
            return False
        return copy is not None and self._primary.adopt([copy]) > 0


class _Postgres:
    """Whether Postgres is asked at all: while it is out, each look for a lost state would wait for it."""

    rests_until = 0.0


_postgres = _Postgres()
_noted: WeakKeyDictionary[Hot, dict[str, float]] = WeakKeyDictionary()


def note(hot: Hot, domain: str) -> None:
    """Let the workers know of the domain before its first write; again each minute, for Redis may have been emptied."""
    noted = _noted.setdefault(hot, {})
    if time.monotonic() - noted.get(domain, float("-inf")) < NOTE_AGAIN_SECONDS:
        return
    with contextlib.suppress(HotUnavailable):  # the write that follows says so itself
        hot.call(lambda redis: register(redis, domain), operation="note")
        noted[domain] = time.monotonic()
