"""Session state as the settings keep it: the store that the service asks, with what the caller gets back."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from bench.contenders.shape import CHANNEL, DOMAIN, timings
from bench.contenders.state_shape import TTL, sessions, state_data
from bench.harness.result import BenchError
from persistence.session.port import NewState
from persistence.session.stores import store_for

PATIENCE_SECONDS = 10.0


def new_state() -> NewState:
    """Return a state of a kilobyte, checked and redacted already."""
    return NewState(state="active", data=state_data(), redaction_version=1, confidence=0.9)


class Gets:
    """Reads one session's state again and again."""

    def __init__(self) -> None:
        (self._session,) = sessions(1)
        store_for(DOMAIN).put(DOMAIN, CHANNEL, self._session, new_state(), ttl=TTL)

    def __call__(self, calls: int) -> list[float]:
        """Return the milliseconds of each call."""
        return timings(self._next, calls)

    def _next(self) -> Callable[[], object]:
        return lambda: store_for(DOMAIN).get(DOMAIN, CHANNEL, self._session)


class Puts:
    """Writes one session's state again and again, each time on the version before."""

    def __init__(self) -> None:
        (self._session,) = sessions(1)
        self._new = new_state()
        self._version = store_for(DOMAIN).put(DOMAIN, CHANNEL, self._session, self._new, ttl=TTL).version

    def __call__(self, calls: int) -> list[float]:
        """Return the milliseconds of each call."""
        return timings(lambda: self._put, calls)

    def _put(self) -> None:
        expected = self._version
        kept = store_for(DOMAIN).put(
            DOMAIN, CHANNEL, self._session, self._new, expected_version=expected, ttl=TTL
        )
        self._version = kept.version


class Tells:
    """Writes states that say when their writing began, by the clock that all processes of a machine share."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._new = new_state()

    def __call__(self, calls: int, pause: float) -> list[float]:
        """Write with pauses of some seconds, in which the listener falls asleep again."""
        for _ in range(calls):
            time.sleep(pause)
            began = time.monotonic_ns()
            new = replace(self._new, data=self._new.data | {"began": began})
            store_for(DOMAIN).put(DOMAIN, CHANNEL, self._session, new, ttl=TTL)
        return []


class Hears:
    """Listens to one session from another process."""

    def __init__(self, session: str) -> None:
        store = store_for(DOMAIN)
        kept = store.put(DOMAIN, CHANNEL, session, new_state(), ttl=TTL)
        # Open as long as the process: it ends with it.
        self._subscription = ExitStack().enter_context(
            store.subscribe(DOMAIN, CHANNEL, session, after_version=kept.version)
        )

    def __call__(self, calls: int) -> list[float]:
        """Return the milliseconds from the beginning of each write to having its state."""
        return [self._next() for _ in range(calls)]

    def _next(self) -> float:
        change = self._subscription.next(PATIENCE_SECONDS)
        now = time.monotonic_ns()
        if change is None or change.kind != "state" or change.state is None:
            raise BenchError(f"Every write is to be told, and the listener got {change}.")
        return (now - change.state.data["began"]) / 1e6
