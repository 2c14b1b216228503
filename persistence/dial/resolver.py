"""Host names looked up under a deadline, which the C library's resolver does not know."""

import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

Address = tuple[socket.AddressFamily, Any]


@dataclass
class _Lookup:
    """One running look-up and, once ``done`` is set, how it ended."""

    target: tuple[str, int]
    done: threading.Event = field(default_factory=threading.Event)
    addresses: list[Address] = field(default_factory=list)
    error: OSError | None = None


class Resolver:
    """Looks names up in a daemon thread, one at a time; callers of the same name share the look-up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Lookup | None = None

    def addresses(self, host: str, port: int, *, ends_at: float) -> list[Address]:
        """Return (family, socket address) pairs. Raises socket.gaierror, or TimeoutError at ``ends_at``
        (monotonic).

        A look-up that outlives its caller goes on, and the next caller joins it: a dead name server costs one
        thread.
        """
        while True:
            lookup = self._join_or_start((host, port))
            if not lookup.done.wait(max(0.0, ends_at - time.monotonic())):
                raise TimeoutError(f"the name {host} was not resolved in time")
            if lookup.target == (host, port):
                break
        if lookup.error:
            raise lookup.error
        return lookup.addresses

    def _join_or_start(self, target: tuple[str, int]) -> _Lookup:
        with self._lock:
            if self._running is None or self._running.done.is_set():
                self._running = _Lookup(target)
                threading.Thread(target=_look_up, args=(self._running,), daemon=True, name="resolver").start()
            return self._running


def _look_up(lookup: _Lookup) -> None:
    try:
        found = socket.getaddrinfo(*lookup.target, type=socket.SOCK_STREAM)
        lookup.addresses = [(family, address) for family, _, _, _, address in found]
    except OSError as error:
        lookup.error = error
    except UnicodeError:
        lookup.error = socket.gaierror(socket.EAI_NONAME, "not a possible host name")
    finally:
        lookup.done.set()
