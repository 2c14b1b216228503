"""A session's changes as server-sent events, for as long as the client listens and a few minutes at most.

Each stream holds a thread of the web server, so a process has ``EVENT_STREAMS`` places and as many threads more than
turns need. Four things end a stream, and the client comes back with ``Last-Event-ID``: its time, the process' end, a
key that is no longer good, and a client that left or does not read.
"""

import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from prometheus_client import Gauge

from persistence.errors import HoldfastError
from persistence.http.deadline import within
from persistence.http.ending import is_ending
from persistence.http.peer import Peer
from persistence.jsontext import dumps
from persistence.session.port import Change, Subscription
from persistence.session.service import as_json

RETRY_MS = 2_000
OPEN = Gauge("holdfast_event_streams", "Event streams that are open now.", multiprocess_mode="livesum")


class TooManyStreams(HoldfastError):
    """Every place for a stream is taken in this process."""

    code = "too_many_streams"
    title = "No more event streams can be held now"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "Every place for an event stream is taken here. Turns are not concerned. Try again in a few seconds, or "
            "read the state from time to time; your operator can raise EVENT_STREAMS."
        )


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: between looks at whether to end, between signs of life, and in all (more or less a tenth)."""

    look: float = 0.5
    heartbeat: float = 15.0
    lifetime: float = 600.0


class Places:
    """The streams that this process holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def take(self) -> None:
        """Take a place. Raises TooManyStreams."""
        with self._lock:
            if self._taken >= settings.EVENT_STREAMS:
                raise TooManyStreams
            self._taken += 1
        OPEN.inc()

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1
        OPEN.dec()


PLACES = Places()


class EventStream:
    """The body of the answer: an iterator of bytes that holds its place and its subscription until ``close()``.

    Made by the thread that then sends it. Raises TooManyStreams, and what subscribing raises.
    """

    def __init__(
        self,
        subscribe: Callable[[], AbstractContextManager[Subscription]],
        *,
        peer: Peer,
        may_go_on: Callable[[], bool],
        rhythm: Rhythm | None = None,
    ) -> None:
        self._peer, self._may_go_on, self._rhythm = peer, may_go_on, rhythm or Rhythm()
        with ExitStack() as held:
            PLACES.take()
            held.callback(PLACES.give_back)
            self._subscription = held.enter_context(subscribe())
            self._held = held.pop_all()
        self._told = self._tell()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._told)

    def close(self) -> None:
        """Give back what is held; also where nothing was ever sent."""
        self._told.close()
        self._held.close()

    def _tell(self) -> Generator[bytes, None, None]:
        """Yield what the client is sent, until it is over."""
        yield f"retry: {RETRY_MS}\n\n".encode()
        ends_at = time.monotonic() + self._rhythm.lifetime * random.uniform(0.9, 1.1)  # noqa: S311
        sign_of_life_at = time.monotonic() + self._rhythm.heartbeat
        while time.monotonic() < ends_at and not is_ending() and not self._peer.has_left():
            change = self._next_change()
            message = b"" if change is None else encoded(change)
            if time.monotonic() >= sign_of_life_at:
                if not self._still_welcome():
                    return
                sign_of_life_at = time.monotonic() + self._rhythm.heartbeat
                message += b":\n\n"
            if message:
                if not self._peer.takes():
                    return
                yield message

    def _next_change(self) -> Change | None:
        # A store that is out returns soon; Postgres, when it is frozen, would not return at all.
        with within(settings.REQUEST_DEADLINE_SECONDS):
            return self._subscription.next(self._rhythm.look)

    def _still_welcome(self) -> bool:
        with within(settings.REQUEST_DEADLINE_SECONDS):
            welcome = self._may_go_on()
        let_go_of_postgres()
        return welcome


def encoded(change: Change) -> bytes:
    """Return a change as one event. A gap has no id: a client that lost the line behind it must be told again."""
    if change.kind == "gap":
        return _event("gap", {"previous": change.previous, "version": change.version})
    told: dict[str, Any] = as_json(change.state) if change.state else {"version": change.version}
    return f"id: {change.version}\n".encode() + _event(change.kind, told)


def let_go_of_postgres() -> None:
    """Close this thread's connection: most stores need none while a stream waits, and those that do open another."""
    if not connection.in_atomic_block:
        connection.close()


def _event(kind: str, data: dict[str, Any]) -> bytes:
    # JSON text has no line ends of its own, so one data line is always enough.
    return f"event: {kind}\ndata: {dumps(data)}\n\n".encode()
