"""The registry of destinations: ``settings.OUTBOX_DESTINATIONS``, and the sources in ``OUTBOX_DESTINATION_SOURCES``.

A destination is a name, a handler by dotted path, and how patient to be with it. Those of the settings receive events
by type, and ``outbox.checks`` refuses one that cannot work before the first process starts. A source knows more of
them, which come and go while everything runs, such as endpoints that people configure; those receive only what is
enqueued for them by name.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from outbox.outcomes import ClaimedDelivery, Outcome

Entry = dict[str, Any]
MaySend = Callable[[], bool]
OnExhausted = Literal["repeat", "park", "skip"]


class Handler(Protocol):
    """What carries deliveries to a destination. It runs outside every transaction.

    A handler's class is called with the Destination, and a layer's with the handler that it wraps and the Destination;
    both are made once per process and definition, and may keep connections open.
    """

    def deliver(self, lanes: Sequence[Sequence[ClaimedDelivery]], may_send: MaySend) -> dict[int, Outcome]:
        """Carry each lane's deliveries in the order given, and return an outcome by delivery id.

        Stop a lane at its first outcome that is not Delivered, and start no send once ``may_send()`` is false; what
        has no outcome is tried again later at no cost. An exception counts as one failed attempt of each lane's head.
        """
        ...


class Source(Protocol):
    """Destinations that are not in the settings. Entries have the keys of ``OUTBOX_DESTINATIONS``."""

    def all(self) -> dict[str, Entry]:
        """Return every entry by its destination's name."""
        ...

    def one(self, name: str) -> Entry | None:
        """Return the entry of one destination, or None when this source does not know it."""
        ...


@dataclass(frozen=True, slots=True)
class Destination:
    """One entry of the registry. Times are seconds."""

    name: str
    handler: str  # dotted path of a Handler class
    queue: str  # the Celery queue of its relay
    events: tuple[str, ...] = ()  # event types that it receives without being named
    layers: tuple[str, ...] = ()  # dotted paths of what wraps the handler, the outermost first
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
    """There is no destination of that name, neither in the settings nor in a source."""


def parse(name: str, entry: Entry) -> Destination:
    """Return the entry as a Destination. Raises TypeError for a key that does not exist or one that is missing."""
    known = {spec.name for spec in fields(Destination)} - {"name"}
    if unknown := set(entry) - known:
        raise TypeError(f"unknown keys {sorted(unknown)}; known are {sorted(known)}")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Destination(name=name, **values)


def destinations() -> dict[str, Destination]:
    """Return every destination by name, those of the sources included."""
    found = sourced_destinations()
    return found | {name: parse(name, entry) for name, entry in settings.OUTBOX_DESTINATIONS.items()}


def sourced_destinations() -> dict[str, Destination]:
    """Return by name the destinations that only a source knows."""
    fixed = settings.OUTBOX_DESTINATIONS
    return {
        name: parse(name, entry)
        for source in sources()
        for name, entry in source.all().items()
        if name not in fixed
    }


def destination(name: str) -> Destination:
    """Return one destination. Raises UnknownDestination with the names that exist."""
    entry = settings.OUTBOX_DESTINATIONS.get(name)
    if entry is None:
        entry = next((found for source in sources() if (found := source.one(name)) is not None), None)
    if entry is None:
        known = ", ".join(sorted(destinations())) or "none"
        raise UnknownDestination(f"There is no destination {name!r}; configured are: {known}.")
    return parse(name, entry)


def sources() -> list[Source]:
    """Return what ``OUTBOX_DESTINATION_SOURCES`` names; a class is called for its instance."""
    named = [import_string(path) for path in settings.OUTBOX_DESTINATION_SOURCES]
    return [found() if isinstance(found, type) else found for found in named]


def destinations_for(event_type: str) -> list[str]:
    """Return the names of the destinations that receive this event type, sorted: lanes are locked in that order.

    Every turn comes through here: it looks at the settings alone, never at a source.
    """
    return _routes(
        tuple((name, tuple(entry.get("events", ()))) for name, entry in settings.OUTBOX_DESTINATIONS.items())
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


class _Handlers:
    """Handlers with their layers, one per destination in this process, made anew when its definition changes."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[str, Handler]] = {}

    def __call__(self, destination: Destination) -> Handler:
        """Return the destination's handler inside its layers. Raises what their constructors raise."""
        parts = [destination.handler, destination.layers, destination.options]
        definition = json.dumps(parts, sort_keys=True, default=str)
        known = self._made.get(destination.name)
        if known is None or known[0] != definition:
            known = self._made[destination.name] = (definition, _compose(destination))
        return known[1]

    def cache_clear(self) -> None:
        """Forget all of them, as after a change of settings that the definitions do not show."""
        self._made.clear()


load_handler = _Handlers()


def _compose(destination: Destination) -> Handler:
    handler: Handler = import_string(destination.handler)(destination)
    for path in reversed(destination.layers):
        handler = import_string(path)(handler, destination)
    return handler
