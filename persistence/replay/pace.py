"""An even pace for many threads."""

from threading import Lock

# What a pause of the machine may be caught up with; more would be a burst that nobody asked for.
CATCH_UP_SECONDS = 0.1


class Pace:
    """Hands out starting times, ``rate`` a second over all threads; without one everybody starts at once."""

    def __init__(self, rate: float | None) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._lock = Lock()
        self._next = 0.0

    def pause(self, now: float) -> float:
        """Return how many seconds after ``now`` (monotonic) the caller may start; each call takes a place."""
        if not self._interval:
            return 0.0
        with self._lock:
            start = max(self._next, now - CATCH_UP_SECONDS) if self._next else now
            self._next = start + self._interval
        return max(0.0, start - now)
