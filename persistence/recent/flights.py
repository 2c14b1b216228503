"""Single flight: of threads that ask for the same at the same time, one does the work and the others wait for it."""

import os
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Flight(Generic[T]):
    """One piece of work under way; ``result`` stays empty where it failed."""

    __slots__ = ("landed", "result")

    def __init__(self) -> None:
        self.landed = Event()
        self.result: list[T] = []


class Flights(Generic[T]):
    """The pieces of work under way in this process, by what they are about."""

    def __init__(self, patience: float) -> None:
        """``patience`` is for how many seconds a thread waits for another one, before it does the work itself."""
        self._patience = patience
        self._begin_empty()
        os.register_at_fork(after_in_child=self._begin_empty)  # those threads are the parent's

    def share(self, about: Hashable, work: Callable[[], T]) -> tuple[T, bool]:
        """Return what the work returned, and whether another thread did it.

        An error is the caller's who did the work: the others do it themselves, for theirs may well succeed.
        """
        with self._lock:
            flight = self._under_way.get(about)
            if leads := flight is None:
                flight = self._under_way[about] = _Flight()
        if not leads:
            flight.landed.wait(self._patience)
            return (flight.result[0], True) if flight.result else (work(), False)
        try:
            found = work()
            flight.result.append(found)
            return found, False
        finally:
            with self._lock:
                self._under_way.pop(about, None)
            flight.landed.set()

    def _begin_empty(self) -> None:
        self._lock = Lock()
        self._under_way: dict[Hashable, _Flight[T]] = {}
