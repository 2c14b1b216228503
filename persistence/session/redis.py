"""Session state in Redis: a hash for each session, changed by one script that also tells and, if wanted, streams.

Key ``hf:{<domain>}:<channel>:<session>``, the braces literally: by them all keys of a domain share a slot of a Redis
Cluster. The pub/sub channel has the same name. ``hfw:{<domain>}`` is the stream that is written behind.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import redis

from persistence.hot.client import Hot, HotUnavailable
from persistence.hot.connections import HotClient
from persistence.session.behind.stream import key_of
from persistence.session.errors import IllegalTransition, SessionStateUnavailable, StaleVersion
from persistence.session.listen import RedisSubscription
from persistence.session.order import Version
from persistence.session.port import NewState, SessionState, TurnFacts
from persistence.session.scripts import ADOPT, CLEAR, FIELDS, PUT, TOUCH, Script, answer_of
from persistence.session.wire import (
    KEPT_IN,
    NONSENSE,
    json_text,
    milliseconds,
    moment_of,
    state_of,
    version_of,
)

T = TypeVar("T")
NOT_THE_ANSWER = "the answer is not the one to this question"
Read = Callable[[str, str, str], SessionState | None]


def state_key(domain: str, channel: str, session: str) -> str:
    """Return the key of a session's state, which is the name of its pub/sub channel too."""
    return f"hf:{{{domain}}}:{channel}:{session}"


@dataclass(frozen=True, slots=True)
class Copy:
    """What another store kept of a session, for ``RedisStore.adopt``; without a state it was cleared at ``version``."""

    domain: str
    channel: str
    session: str
    version: int
    previous: int
    updated_at: datetime
    expires_at: datetime
    state: SessionState | None


class RedisStore:
    """``SessionStateStore`` over Redis. Raises SessionStateUnavailable for all that Redis may do, within its budget.

    With ``stream`` each change is also appended to the domain's stream, in the same step. ``read`` is what subscribers
    are told from while Redis is out or has nothing: the ``get`` of whatever stands around this store.
    """

    def __init__(self, hot: Hot, *, stream: bool = False, read: Read | None = None) -> None:
        self.hot, self.stream, self.read = hot, stream, read

    def get(self, domain: str, channel: str, session: str) -> SessionState | None:
        return state_of(domain, self._fields(domain, channel, session))

    def look(self, domain: str, channel: str, session: str) -> Version | None:
        """Return what Redis itself has: a state, or a version without one for a clearing; None for nothing at all."""
        return version_of(domain, self._fields(domain, channel, session))

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
        said, current = self._change(
            PUT,
            "put",
            (domain, channel, session),
            ttl,
            "" if expected_version is None else expected_version,
            "*" if new.allowed_from is None else "\n".join(("", *new.allowed_from, "")),
            "1" if new.may_begin else "0",
            new.state,
            json_text(new.state),
            json_text(new.data),
            new.redaction_version,
            "" if new.confidence is None else repr(new.confidence),
            "" if new.turn_id is None else str(new.turn_id),
        )
        if said[0] == b"stale":
            raise StaleVersion(expected_version, current)
        if said[0] == b"illegal":
            raise IllegalTransition(new.state, current)
        _, version, at, confidence, turn_id = said
        self.hot.clock.heard(at)
        return SessionState(
            state=new.state,
            domain=domain,
            confidence=new.confidence if confidence is None else confidence,
            turn_id=new.turn_id if turn_id is None else turn_id,
            version=version,
            redaction_version=new.redaction_version,
            updated_at=moment_of(at),
            data=new.data,
            kept_in=KEPT_IN,
        )

    def touch(
        self, domain: str, channel: str, session: str, facts: TurnFacts, *, ttl: int
    ) -> SessionState | None:
        _, current = self._change(
            TOUCH,
            "touch",
            (domain, channel, session),
            ttl,
            facts.initial_state,
            facts.redaction_version,
            "" if facts.confidence is None else repr(facts.confidence),
            str(facts.turn_id),
        )
        if current is not None:
            self.hot.clock.heard(milliseconds(current.updated_at))
        return current

    def clear(
        self, domain: str, channel: str, session: str, *, expected_version: int | None = None, ttl: int
    ) -> int | None:
        expected = "" if expected_version is None else expected_version
        said, current = self._change(CLEAR, "clear", (domain, channel, session), ttl, expected)
        if said[0] == b"stale":
            raise StaleVersion(expected_version, current)
        return said[1] if said[0] == b"kept" else None

    @contextmanager
    def subscribe(
        self, domain: str, channel: str, session: str, *, after_version: int | None = None
    ) -> Iterator[RedisSubscription]:
        def present() -> Version | None:
            return self._present(domain, channel, session)

        name = state_key(domain, channel, session)
        subscription = RedisSubscription(self.hot, domain, name, present, after_version)
        try:
            subscription.begin()
            yield subscription
        finally:
            subscription.close()

    def adopt(self, copies: Iterable[Copy]) -> int:
        """Take over what another store kept wherever it is newer than what is here, and tell subscribers.

        Returns how many were newer. Copies whose time has passed are left. Nothing is streamed: whoever brings them has
        them in Postgres. Afterwards Redis has each copy's version or a newer one. Raises SessionStateUnavailable
        on the way; doing it again is harmless.
        """
        return sum(self._adopt(copy) for copy in copies)

    def forget(self, sessions: Iterator[tuple[str, str, str]]) -> int:
        """Delete the state of these sessions without a trace; what of it lies in a stream is not looked for."""
        return sum(self._ask(self._unlink(state_key(*session)), "forget") for session in sessions)

    def _change(
        self,
        script: Script,
        operation: str,
        session: tuple[str, str, str],
        ttl: int,
        *values: str | bytes | int,
    ) -> tuple[list[Any], SessionState | None]:
        """Run a script; return its answer, and the state in it where it has one.

        A state whose data is no JSON passes the script for a sound one: then once more, with its version ignored.
        """
        keys = (state_key(*session), key_of(session[0])) if self.stream else (state_key(*session),)
        ignored: str | bytes = ""
        was_late = False
        while True:
            until = self.hot.clock.last_moment(self.hot.budget)
            said = self._ask(partial(_run, script, keys, (ignored, ttl * 1000, *values, until)), operation)
            if said[0] == b"late":
                # The answer came in time. So not the script was late, but the server's clock is another one.
                if was_late:
                    raise SessionStateUnavailable("clock")
                was_late = True
                self.hot.clock.heard(said[1])
            elif len(said) <= len(FIELDS):
                return said, None
            else:
                found = state_of(session[0], said[1:])
                if found is not None or ignored == said[1]:
                    return said, found
                ignored = said[1]

    def _adopt(self, copy: Copy) -> int:
        left = milliseconds(copy.expires_at) - round(time.time() * 1000)
        if left <= 0:
            return 0
        state = copy.state
        values: tuple[Any, ...] = (
            "",
            left,
            copy.version,
            copy.previous,
            int(state is None),
            milliseconds(copy.updated_at),
        )
        if state is not None:
            values += (
                state.state,
                json_text(state.state),
                json_text(state.data),
                state.redaction_version,
                "" if state.confidence is None else repr(state.confidence),
                "" if state.turn_id is None else str(state.turn_id),
            )
        key = state_key(copy.domain, copy.channel, copy.session)
        return self._ask(lambda client: int(ADOPT.run(client, (key,), values)), "adopt")

    def _fields(self, domain: str, channel: str, session: str) -> list[Any]:
        key = state_key(domain, channel, session)

        def read(client: HotClient) -> list[Any]:
            try:
                return _as_list(client.ask("HMGET", key, *FIELDS))
            except redis.ResponseError as error:
                if str(error).startswith("WRONGTYPE"):
                    return []
                raise

        return self._ask(read, "get")

    def _present(self, domain: str, channel: str, session: str) -> Version | None:
        """Return what a subscriber starts from: what is in Redis, else what ``read`` finds."""
        try:
            found = version_of(domain, self._fields(domain, channel, session))
        except SessionStateUnavailable:
            if self.read is None:
                raise
            found = None
        if found is not None or self.read is None:
            return found
        state = self.read(domain, channel, session)
        return None if state is None else Version(state.version, 0, state)

    def _unlink(self, key: str) -> Callable[[HotClient], int]:
        return lambda client: int(client.ask("UNLINK", key))

    def _ask(self, work: Callable[[HotClient], T], operation: str) -> T:
        try:
            # A turn does not wait beside another call. Whoever writes or reads a state must know what became of it:
            # taken for an outage, a moment's delay would split the session between Redis and Postgres.
            return self.hot.call(work, operation=operation, whole=operation != "touch")
        except HotUnavailable as error:
            raise SessionStateUnavailable(error.reason) from error


def _run(
    script: Script, keys: tuple[str, ...], arguments: tuple[str | bytes | int, ...], client: HotClient
) -> list[Any]:
    try:
        return answer_of(script.run(client, keys, arguments))
    except NONSENSE as error:
        raise redis.InvalidResponse(NOT_THE_ANSWER) from error


def _as_list(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        raise redis.InvalidResponse(NOT_THE_ANSWER)
    return answer
