"""Session state in Postgres: what several processes share at level 0, and what stands in for Redis.

Every change is one statement in autocommit mode, and nothing is kept in a server's session, so a transaction pooler
may stand in between. A subscriber asks again and again: LISTEN would need a server session of its own.
"""

import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db import OperationalError, connection
from psycopg2.errors import LockNotAvailable

from persistence.database import translated
from persistence.errors import PersistenceUnavailable
from persistence.jsontext import dumps
from persistence.session.errors import IllegalTransition, SessionStateUnavailable, StaleVersion
from persistence.session.order import Order, Version
from persistence.session.port import Change, NewState, SessionState, TurnFacts

KEPT_IN = "postgres"
POLL_SECONDS = 0.25  # between two questions of one subscriber
OUTAGE_POLL_SECONDS = 1.0  # while Postgres does not answer
FORGET_BATCH = 1000
FIELDS = ("version", "previous", "state", "confidence", "turn_id", "redaction_version", "updated_at", "data")
ROW = ", ".join(FIELDS)
ANSWER = "SELECT outcome, " + ", ".join(f"(s).{name}" for name in FIELDS)
GET = f"""
SELECT {ROW} FROM persistence_session_state
WHERE session_hash = %s AND NOT cleared AND expires_at > clock_timestamp()
"""
PRESENT = f"""
SELECT cleared, {ROW} FROM persistence_session_state
WHERE session_hash = %s AND version IS DISTINCT FROM %s AND expires_at > clock_timestamp()
"""
PUT = f"""
{ANSWER} FROM persistence_put_session_state(
    %(session)s, %(domain)s, %(channel)s, %(state)s, %(data)s::jsonb, %(redaction_version)s, %(confidence)s,
    %(turn_id)s::uuid, %(allowed_from)s::text[], %(may_begin)s, %(expected)s, %(ttl)s, %(lenient)s)
"""
TOUCH = f"""
{ANSWER} FROM persistence_touch_session_state(
    %(session)s, %(domain)s, %(channel)s, %(turn_id)s::uuid, %(confidence)s, %(redaction_version)s,
    %(initial_state)s, %(ttl)s, %(lenient)s)
"""
CLEAR = f"""
{ANSWER} FROM persistence_clear_session_state(
    %(session)s, %(domain)s, %(channel)s, %(expected)s, %(ttl)s, %(lenient)s)
"""
NOT_NOW = (None,) * (1 + len(FIELDS))  # what a touch answers that would have had to wait
FORGET = "DELETE FROM persistence_session_state WHERE session_hash = ANY (%s)"


class PostgresStore:
    """``SessionStateStore`` over the table of session states.

    With ``lenient`` it stands in for a store that is out: what it has no row of is unknown. It refuses only what it
    knows to be stale or illegal, touches only what it knows, notes a clearing of what it does not know, and marks what
    it writes ``unhealed``.
    """

    def __init__(self, lenient: bool = False) -> None:
        self._lenient = lenient

    def get(self, domain: str, channel: str, session: str) -> SessionState | None:
        row = _one(GET, [bytes.fromhex(session)])
        return state_of(domain, row) if row else None

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
        """See the port. Durable when it returns. Refuses to run inside a transaction of the caller's."""
        outcome, *row = self._call(
            PUT,
            domain,
            channel,
            session,
            state=new.state,
            data=dumps(new.data),
            redaction_version=new.redaction_version,
            confidence=new.confidence,
            turn_id=new.turn_id and str(new.turn_id),
            allowed_from=None if new.allowed_from is None else sorted(new.allowed_from),
            may_begin=new.may_begin,
            expected=expected_version,
            ttl=ttl,
        )
        if outcome == "stale":
            raise StaleVersion(expected_version, _present(domain, row))
        if outcome == "illegal":
            raise IllegalTransition(new.state, _present(domain, row))
        return state_of(domain, row)

    def touch(
        self, domain: str, channel: str, session: str, facts: TurnFacts, *, ttl: int
    ) -> SessionState | None:
        """See the port. It waits neither for a lock nor for the disk, so that a turn's answer does not."""
        outcome, *row = self._call(
            TOUCH,
            domain,
            channel,
            session,
            turn_id=str(facts.turn_id),
            confidence=facts.confidence,
            redaction_version=facts.redaction_version,
            initial_state=facts.initial_state,
            ttl=ttl,
        )
        return state_of(domain, row) if outcome else None

    def clear(
        self, domain: str, channel: str, session: str, *, expected_version: int | None = None, ttl: int
    ) -> int | None:
        """See the port. Durable when it returns. Refuses to run inside a transaction of the caller's."""
        outcome, *row = self._call(CLEAR, domain, channel, session, expected=expected_version, ttl=ttl)
        if outcome == "stale":
            raise StaleVersion(expected_version, _present(domain, row))
        return row[0] if outcome == "kept" else None

    @contextmanager
    def subscribe(
        self, domain: str, channel: str, session: str, *, after_version: int | None = None
    ) -> Iterator["PostgresSubscription"]:
        """See the port. Each subscriber asks four times a second, on the connection of the thread that it runs in."""
        yield PostgresSubscription(domain, session, after_version)

    def forget(self, sessions: Iterator[tuple[str, str, str]]) -> int:
        """Delete rows, in the caller's transaction where one is open."""
        forgotten = 0
        while some := [bytes.fromhex(session) for _, _, session in islice(sessions, FORGET_BATCH)]:
            with _reached(), connection.cursor() as cursor:
                cursor.execute(FORGET, [some])
                forgotten += cursor.rowcount
        return forgotten

    def _call(self, statement: str, domain: str, channel: str, session: str, **given: Any) -> tuple[Any, ...]:
        if connection.in_atomic_block:
            raise RuntimeError(
                "Session state is changed in a transaction of its own; it cannot run inside another."
            )
        row = _one(
            statement,
            given
            | {
                "session": bytes.fromhex(session),
                "domain": domain,
                "channel": channel,
                "lenient": self._lenient,
            },
        )
        return row or NOT_NOW


class PostgresSubscription:
    """One listener that asks. What it missed between two answers is told as a gap."""

    def __init__(self, domain: str, session: str, after_version: int | None) -> None:
        self._domain, self._session = domain, bytes.fromhex(session)
        self._order = Order(after_version)
        self._untold: deque[Change] = deque(self._order.begin(self._version_but(None)))
        self._ask_at = time.monotonic() + POLL_SECONDS

    def next(self, timeout: float) -> Change | None:
        ends_at = time.monotonic() + timeout
        while not self._untold:
            wait = max(0.0, self._ask_at - time.monotonic())
            left = ends_at - time.monotonic()
            if wait > left:
                time.sleep(max(0.0, left))
                return None
            time.sleep(wait)
            self._ask()
        return self._untold.popleft()

    def _ask(self) -> None:
        try:
            found = self._version_but(self._order.told)
        except SessionStateUnavailable:
            self._ask_at = time.monotonic() + OUTAGE_POLL_SECONDS
            return
        self._ask_at = time.monotonic() + POLL_SECONDS
        if found is not None:
            self._untold.extend(self._order.follow(found))

    def _version_but(self, told: int | None) -> Version | None:
        """Return the row's version, unless it is the one that was told, or there is none."""
        row = _one(PRESENT, [self._session, told])
        if row is None:
            return None
        cleared, *fields = row
        return Version(fields[0], fields[1], None if cleared else state_of(self._domain, fields))


def state_of(domain: str, row: Sequence[Any]) -> SessionState:
    """Return the state in a row of ``FIELDS``."""
    version, _, state, confidence, turn_id, redaction_version, updated_at, data = row
    return SessionState(
        state=state,
        domain=domain,
        confidence=confidence,
        turn_id=turn_id,
        version=version,
        redaction_version=redaction_version,
        updated_at=updated_at,
        data=json.loads(data),
        kept_in=KEPT_IN,
    )


def _present(domain: str, row: Sequence[Any]) -> SessionState | None:
    return None if row[0] is None else state_of(domain, row)


def _one(statement: str, given: Any) -> tuple[Any, ...] | None:
    """Return the one row that a statement answers with; None without one, or where it met the lock of another."""
    with _reached(), connection.cursor() as cursor:
        try:
            cursor.execute(statement, given)
        except OperationalError as error:
            if statement is TOUCH and isinstance(error.__cause__, LockNotAvailable):
                return None
            raise
        found: tuple[Any, ...] | None = cursor.fetchone()
        return found


@contextmanager
def _reached() -> Iterator[None]:
    try:
        with translated():
            yield
    except PersistenceUnavailable as error:
        raise SessionStateUnavailable("Postgres did not answer") from error.__cause__
