"""The registry of destinations, built from ``settings.OUTBOX_DESTINATIONS``.

A destination is a name, a handler by dotted path, and how patient to be with it. ``outbox.checks`` refuses an entry
that cannot work before the first process starts.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from outbox.outcomes import ClaimedDelivery, Outcome

MaySend = Callable[[], bool]
OnExhausted = Literal["repeat", "park", "skip"]


class Handler(Protocol):
    """What carries deliveries to a destination. It runs outside every transaction."""

    def deliver(self, lanes: Sequence[Sequence[ClaimedDelivery]], may_send: MaySend) -> dict[int, Outcome]:
        """Carry each lane's deliveries in the order given, and return an outcome by delivery id.

        Stop a lane at its first outcome that is not Delivered, and start no send once ``may_send()`` is false; what
        has no outcome is tried again later at no cost. An exception counts as one failed attempt of each lane's head.
        """
        ...


@dataclass(frozen=True, slots=True)
class Destination:
    """One entry of the registry. Times are seconds."""

    name: str
    handler: str  # dotted path of a Handler class that takes no arguments
    queue: str  # the Celery queue of its relay
    events: tuple[str, ...]  # event types that it receives
    schedule: tuple[float, ...] = (0, 5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    jitter: float = 0.2  # each delay is multiplied by 1 ± jitter
    on_exhausted: OnExhausted = (
        "park"  # repeat the last delay for ever · park the lane · skip to the next event
    )
    lanes_per_claim: int = 16
    deliveries_per_lane: int = 1
    lanes_in_flight: int | None = None  # over all workers; None: no cap
    lease: float = 60
    max_rescues: int = 5
    breaker: tuple[float, ...] = (
        1,
        2,
        5,
        15,
    )  # how long the whole destination rests after each failure in a row
    options: dict[str, Any] = field(default_factory=dict)  # what the handler itself wants to know

    def delay(self, attempts: int) -> float | None:
        """Return the wait after this many failed attempts, without jitter, or None when the schedule is exhausted."""
        if attempts <= len(self.schedule):
            return self.schedule[attempts - 1]
        return self.schedule[-1] if self.on_exhausted == "repeat" else None

    def jittered(self, delay: float) -> float:
        """Spread what would happen together: ``delay`` × (1 ± jitter)."""
        return delay * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 - not a secret

    def rest(self, failures: int) -> float:
        """Return how long the breaker stays open after this many failures in a row, without jitter."""
        return self.breaker[min(failures, len(self.breaker)) - 1]


class UnknownDestination(Exception):
    """There is no destination of that name in ``OUTBOX_DESTINATIONS``."""


def parse(name: str, entry: dict[str, Any]) -> Destination:
    """Return the entry as a Destination. Raises TypeError for a key that does not exist or one that is missing."""
    known = {spec.name for spec in fields(Destination)} - {"name"}
    if unknown := set(entry) - known:
        raise TypeError(f"unknown keys {sorted(unknown)}; known are {sorted(known)}")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Destination(name=name, **values)


def destinations() -> dict[str, Destination]:
    """Return every destination by name."""
    return {name: parse(name, entry) for name, entry in settings.OUTBOX_DESTINATIONS.items()}


def destination(name: str) -> Destination:
    """Return one destination. Raises UnknownDestination with the names that exist."""
    entry = settings.OUTBOX_DESTINATIONS.get(name)
    if entry is None:
        known = ", ".join(sorted(settings.OUTBOX_DESTINATIONS)) or "none"
        raise UnknownDestination(f"There is no destination {name!r}; configured are: {known}.")
    return parse(name, entry)


def destinations_for(event_type: str) -> list[str]:
    """Return the names of the destinations that receive this event type, sorted: lanes are locked in that order."""
    return _routes(
        tuple((name, tuple(entry["events"])) for name, entry in settings.OUTBOX_DESTINATIONS.items())
    )[event_type]


@lru_cache(maxsize=8)
def _routes(registry: tuple[tuple[str, tuple[str, ...]], ...]) -> "_Routes":
    return _Routes({name: frozenset(events) for name, events in registry})


class _Routes(dict[str, list[str]]):
    """Destination names by event type, filled as types are asked for."""

    def __init__(self, events_by_name: dict[str, frozenset[str]]) -> None:
        super().__init__()
        self._events_by_name = events_by_name

    def __missing__(self, event_type: str) -> list[str]:
        self[event_type] = sorted(
            name for name, events in self._events_by_name.items() if event_type in events
        )
        return self[event_type]


@lru_cache(maxsize=32)
def load_handler(dotted_path: str) -> Handler:
    """Return the handler, made once per process: it may keep connections open."""
    handler: Handler = import_string(dotted_path)()
    return handler
