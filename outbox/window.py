"""How far back a claim has to look."""

import time

EVER = 3e9  # seconds; a window that leaves nothing out
FULL_SCAN_SECONDS = 15.0
LATE_COMMIT_SECONDS = 5.0


class Every:
    """Says yes the first time, and then at most once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: float | None = None

    def __call__(self, now: float) -> bool:
        if self._last is not None and now - self._last < self._seconds:
            return False
        self._last = now
        return True


class Window:
    """Lets a claim look no further back than the last one that took all there was, except once in a while.

    While an old snapshot is held open somewhere, the index entries of lanes that were settled long ago cannot be
    vacuumed, and a claim that looks at everything wades through them. What comes due after a claim that left nothing
    has a later due time, but for transactions that were open meanwhile: those are given a margin, and a look at
    everything now and then finds whatever took longer.
    """

    def __init__(self) -> None:
        self._emptied_at: float | None = None
        self._began = 0.0
        self._looks_at_everything = True
        self._scan_is_due = Every(FULL_SCAN_SECONDS)

    def seconds(self) -> float:
        """Return how far back the claim that starts now has to look."""
        self._began = time.monotonic()
        self._looks_at_everything = self._emptied_at is None or self._scan_is_due(self._began)
        if self._looks_at_everything or self._emptied_at is None:
            return EVER
        return self._began - self._emptied_at + LATE_COMMIT_SECONDS

    def took(self, lanes: int, limit: int) -> None:
        """Learn what the claim found: fewer lanes than it asked for means that nothing due is left in the window."""
        if lanes < limit:
            self._emptied_at = self._began
        elif self._looks_at_everything:
            self._emptied_at = None  # there is a backlog: go on looking at all of it
