"""What this process spends its time on, added up in memory for ``manage.py ladder``.

A call costs about a microsecond and never waits for anything: no I/O, and locks that are held for a few additions.
Kinds, and what they time where they succeed:

- ``turn``: a turn, from a checked request to its commit; without the session's state
- ``history``: a page of turns read from Postgres · ``cache``: one that the read cache answered
- ``state_read``, ``state_write``: session state, wherever it is kept
"""

import os
from collections import Counter
from collections.abc import Callable
from threading import Lock
from time import perf_counter
from types import TracebackType
from typing import Literal, get_args

from persistence.ladder.histogram import bucket

Kind = Literal["turn", "history", "cache", "state_read", "state_write"]
Event = Literal["breaker_opened"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Tally:
    """Durations of one kind since they were last taken."""

    __slots__ = ("_buckets", "_lock", "_seconds")

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds = 0.0
        self._buckets: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        number = bucket(seconds)
        with self._lock:
            self._seconds += seconds
            self._buckets[number] = self._buckets.get(number, 0) + 1

    def take(self) -> tuple[float, dict[int, int]]:
        """Return seconds and counts by bucket, and begin again from nothing."""
        with self._lock:
            taken = self._seconds, self._buckets
            self._seconds, self._buckets = 0.0, {}
        return taken


class Timed:
    """Times its block, if that succeeds."""

    __slots__ = ("_began", "_kind")

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self, failed: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if failed is None:  # how long a failure took says nothing about the work
            observe(self._kind, perf_counter() - self._began)


class _Meter:
    """The process' own tallies."""

    def __init__(self) -> None:
        self.tallies = {kind: Tally() for kind in KINDS}
        self.lock = Lock()
        self.events: Counter[str] = Counter()
        self.held: Callable[[], int] | None = None
        self.on_first: Callable[[], None] | None = None


_meter = _Meter()


def timed(kind: Kind) -> Timed:
    """Return a context manager that times its block."""
    return Timed(kind)


def observe(kind: Kind, seconds: float) -> None:
    """Count one duration that was timed elsewhere."""
    _meter.tallies[kind].add(seconds)
    if _meter.on_first is not None:
        _begin()


def count(event: Event) -> None:
    """Count something that happened."""
    with _meter.lock:
        _meter.events[event] += 1
    if _meter.on_first is not None:
        _begin()


def holds(states: Callable[[], int]) -> None:
    """Name what says how many live session states this process holds in its own memory, and loses when it ends."""
    _meter.held = states


def states_held() -> int:
    return 0 if _meter.held is None else _meter.held()


def on_first_measure(begin: Callable[[], None]) -> None:
    """Have ``begin`` called once, at the next measurement: a process that does no work has nothing to report."""
    _meter.on_first = begin


def take() -> tuple[dict[Kind, tuple[float, dict[int, int]]], Counter[str]]:
    """Return what was measured since the last call, by kind, and what was counted."""
    with _meter.lock:
        events, _meter.events = _meter.events, Counter()
    return {kind: tally.take() for kind, tally in _meter.tallies.items()}, events


def _begin() -> None:
    with _meter.lock:
        begin, _meter.on_first = _meter.on_first, None
    if begin is not None:
        begin()


def _after_fork() -> None:
    """Begin with nothing: what the parent measured is the parent's, and its locks may be held for ever here."""
    global _meter
    held, _meter = _meter.held, _Meter()
    _meter.held = held


os.register_at_fork(after_in_child=_after_fork)
