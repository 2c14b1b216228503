"""Session state in this process' memory: for one process, and for as long as it lives."""

import threading
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from persistence.session.errors import IllegalTransition, StaleVersion
from persistence.session.order import Order, Version
from persistence.session.port import Change, NewState, SessionState, TurnFacts

MAX_SESSIONS = 100_000
MAX_UNHEARD = 256  # versions that a subscriber may be behind; beyond that it is told of a gap
KEPT_IN = "memory"

Found = TypeVar("Found", SessionState, SessionState | None)
Key = tuple[str, str, str]  # domain, channel, session


@dataclass(frozen=True, slots=True)
class Entry:
    """A version until its time has passed; ``expires_at`` by the monotonic clock, which nobody sets back."""

    version: Version
    expires_at: float


class Ear:
    """Where a subscriber's versions wait for it; the oldest give way. Used under the store's lock."""

    def __init__(self, lock: threading.Lock) -> None:
        self.heard: deque[Version] = deque(maxlen=MAX_UNHEARD)
        self.changed = threading.Condition(lock)


class MemoryStore:
    """``SessionStateStore`` over a dictionary. At most ``max_sessions``: the longest untouched go first."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self._max_sessions = max_sessions
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Entry] = OrderedDict()  # the longest untouched first
        self._listeners: defaultdict[Key, list[Ear]] = defaultdict(list)
        self._floor = 0  # the highest version among what is no longer there: new ones go above it

    def get(self, domain: str, channel: str, session: str) -> SessionState | None:
        with self._lock:
            return _own(self._state((domain, channel, session)))

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
        key = (domain, channel, session)
        with self._lock:
            before = self._state(key)
            _expect(expected_version, before)
            if new.allowed_from is not None and not (
                before.state in new.allowed_from if before else new.may_begin
            ):
                raise IllegalTransition(new.state, _own(before))
            state = SessionState(
                state=new.state,
                domain=domain,
                confidence=before.confidence if before and new.confidence is None else new.confidence,
                turn_id=before.turn_id if before and new.turn_id is None else new.turn_id,
                version=self._next_version(key),
                redaction_version=new.redaction_version,
                updated_at=datetime.now(UTC),
                data=deepcopy(new.data),
                kept_in=KEPT_IN,
            )
            self._keep(key, state, state.version, ttl)
            return _own(state)

    def touch(
        self, domain: str, channel: str, session: str, facts: TurnFacts, *, ttl: int
    ) -> SessionState | None:
        key = (domain, channel, session)
        with self._lock:
            number, now = self._next_version(key), datetime.now(UTC)
            before = self._state(key)
            if before is not None:
                state = replace(
                    before,
                    confidence=facts.confidence,
                    turn_id=facts.turn_id,
                    version=number,
                    updated_at=now,
                )
            else:
                state = SessionState(
                    state=facts.initial_state,
                    domain=domain,
                    confidence=facts.confidence,
                    turn_id=facts.turn_id,
                    version=number,
                    redaction_version=facts.redaction_version,
                    updated_at=now,
                    data={},
                    kept_in=KEPT_IN,
                )
            self._keep(key, state, number, ttl)
            return _own(state)

    def clear(
        self, domain: str, channel: str, session: str, *, expected_version: int | None = None, ttl: int
    ) -> int | None:
        key = (domain, channel, session)
        with self._lock:
            before = self._state(key)
            _expect(expected_version, before)
            if before is None:
                return None
            number = self._next_version(key)
            self._keep(key, None, number, ttl)
            return number

    @contextmanager
    def subscribe(
        self, domain: str, channel: str, session: str, *, after_version: int | None = None
    ) -> Iterator["MemorySubscription"]:
        key = (domain, channel, session)
        ear = Ear(self._lock)
        with self._lock:
            entry = self._live(key)
            self._listeners[key].append(ear)
        try:
            yield MemorySubscription(ear, entry.version if entry else None, after_version)
        finally:
            with self._lock:
                self._listeners[key].remove(ear)
                if not self._listeners[key]:
                    del self._listeners[key]

    def forget(self, sessions: Iterator[tuple[str, str, str]]) -> int:
        with self._lock:
            return sum(self._remove(key) for key in sessions)

    def _live(self, key: Key) -> Entry | None:
        entry = self._entries.get(key)
        if entry is not None and entry.expires_at <= time.monotonic():
            self._remove(key)
            return None
        return entry

    def _state(self, key: Key) -> SessionState | None:
        entry = self._live(key)
        return entry.version.state if entry else None

    def held(self) -> int:
        """Return how many live states would be lost with this process."""
        with self._lock:
            entries = list(self._entries.values())
        now = time.monotonic()
        return sum(entry.expires_at > now and entry.version.state is not None for entry in entries)

    def _next_version(self, key: Key) -> int:
        entry = self._live(key)
        return max((entry.version.number if entry else self._floor) + 1, time.time_ns() // 1_000_000)

    def _keep(self, key: Key, state: SessionState | None, number: int, ttl: int) -> None:
        entry = self._live(key)
        version = Version(number, entry.version.number if entry else 0, state)
        self._entries[key] = Entry(version, time.monotonic() + ttl)
        self._entries.move_to_end(key)
        self._make_room()
        for ear in self._listeners.get(key, ()):
            ear.heard.append(version)
            ear.changed.notify()

    def _make_room(self) -> None:
        """Let go of the longest untouched: those whose time has passed, and those that there are too many of."""
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            if len(self._entries) <= self._max_sessions and oldest.expires_at > time.monotonic():
                return
            self._remove(key)

    def _remove(self, key: Key) -> bool:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._floor = max(self._floor, entry.version.number)
        return entry is not None


class MemorySubscription:
    """One listener in this process."""

    def __init__(self, ear: Ear, present: Version | None, after_version: int | None) -> None:
        self._ear = ear
        self._order = Order(after_version)
        self._untold: deque[Change] = deque(self._order.begin(present))

    def next(self, timeout: float) -> Change | None:
        ends_at = time.monotonic() + timeout
        while not self._untold:
            with self._ear.changed:
                if not self._ear.changed.wait_for(
                    lambda: self._ear.heard, timeout=max(0.0, ends_at - time.monotonic())
                ):
                    return None
                found = self._ear.heard.popleft()
            self._untold.extend(self._order.follow(found))
        change = self._untold.popleft()
        return replace(change, state=_own(change.state))


def _own(state: Found) -> Found:
    """Return a copy whose data the caller may change without changing what is kept."""
    return state if state is None else replace(state, data=deepcopy(state.data))


def _expect(expected_version: int | None, present: SessionState | None) -> None:
    if expected_version is not None and expected_version != (present.version if present else 0):
        raise StaleVersion(expected_version, _own(present))
