"""A deadline for requests that wait for Postgres.

``statement_timeout`` is kept by the server, so a frozen server keeps nothing: its client waits for ever. One thread per
process watches the requests under way and shuts the socket of any that is over its time; libpq then fails at once and
the request ends with 503 like for any lost connection.
"""

import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse

TICK_SECONDS = 0.25


class Watchdog:
    """Shuts the database socket of a request whose deadline has passed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int, tuple[float, Any]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def watch(self, database: Any, seconds: float) -> int:
        """Watch this thread's database connection and return the number to forget it by."""
        self._start()
        number = next(self._numbers)
        with self._lock:
            self._watched[number] = (time.monotonic() + seconds, database)
        return number

    def forget(self, number: int) -> None:
        with self._lock:
            self._watched.pop(number, None)

    def extend(self, database: Any, seconds: float) -> None:
        """Give whoever is watched on this connection so much time from now on."""
        deadline = time.monotonic() + seconds
        with self._lock:
            for number, (before, watched) in self._watched.items():
                if watched is database:
                    self._watched[number] = (max(before, deadline), watched)

    def _start(self) -> None:
        """Start the thread once per process; a fork leaves its parent's thread behind."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._watched = {}
                self._thread = threading.Thread(target=self._run, name="deadline", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            now = time.monotonic()
            with self._lock:  # held while shutting, so that a request that ends now cannot hand its socket on
                for deadline, database in self._watched.values():
                    if deadline <= now:
                        shut(database)  # again at each tick, should the request have connected anew


def shut(database: Any) -> None:
    """Shut the socket beneath a Django connection, in whatever state it is."""
    raw = database.connection
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(raw.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


_watchdog = Watchdog()


def extend(seconds: float) -> None:
    """Give the request that this thread serves so many seconds from now on, for work that is long by its nature.

    Each statement is still bounded by ``statement_timeout``. Outside a request nothing happens.
    """
    _watchdog.extend(connections["default"], seconds)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound what the block asks of Postgres in this thread; for what an answer does after its request is over."""
    number = _watchdog.watch(connections["default"], seconds)
    try:
        yield
    finally:
        _watchdog.forget(number)


class DeadlineMiddleware:
    """Gives every request ``REQUEST_DEADLINE_SECONDS`` in all for what it asks of Postgres."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with within(settings.REQUEST_DEADLINE_SECONDS):
            return self.get_response(request)
