"""What a replay did, counted as it goes and told at the end."""

import math
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

MOST_FAILURES_NAMED = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed, where, and why; ``count`` exchanges share the reason."""

    where: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Summary:
    """A replay's figures.

    ``turns`` were acknowledged: ``created`` now or ``replayed`` from earlier. ``failed`` counts
    exchanges, and each unreadable part of a file as one. ``ack_ms`` has p50, p95 and p99 of the
    milliseconds from the first attempt to the acknowledgement, waiting and retries included; None where
    nothing was acknowledged.
    """

    turns: int
    created: int
    replayed: int
    failed: int
    retries: int
    seconds: float
    turns_per_second: float
    ack_ms: dict[str, float | None]
    failures: list[Failure]
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {
            "turns": self.turns,
            "created": self.created,
            "replayed": self.replayed,
            "failed": self.failed,
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
            "turns_per_second": round(self.turns_per_second, 1),
            "ack_ms": self.ack_ms,
            "failures": [
                {"where": failure.where, "reason": failure.reason, "count": failure.count}
                for failure in self.failures
            ],
        }


class Tally:
    """Counts for many threads at once; names only the first failures, so that memory stays flat."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._began = time.monotonic()
        self._seconds = array("d")
        self._created = self._replayed = self._failed = self._retries = 0
        self._failures: list[Failure] = []

    def acknowledged(self, seconds: float, *, replayed: bool) -> None:
        """Count one turn that took ``seconds``."""
        with self._lock:
            self._seconds.append(seconds)
            if replayed:
                self._replayed += 1
            else:
                self._created += 1

    def retried(self) -> None:
        """Count one attempt that nobody took."""
        with self._lock:
            self._retries += 1

    def failed(self, failure: Failure) -> None:
        """Count what could not be stored."""
        with self._lock:
            self._failed += failure.count
            if len(self._failures) < MOST_FAILURES_NAMED:
                self._failures.append(failure)

    def summary(self, *, interrupted: bool = False) -> Summary:
        """Return the figures of this moment."""
        with self._lock:
            elapsed = time.monotonic() - self._began
            milliseconds = sorted(1000 * seconds for seconds in self._seconds)
            return Summary(
                turns=len(milliseconds),
                created=self._created,
                replayed=self._replayed,
                failed=self._failed,
                retries=self._retries,
                seconds=elapsed,
                turns_per_second=len(milliseconds) / elapsed if elapsed else 0.0,
                ack_ms={f"p{rank}": percentile(milliseconds, rank) for rank in (50, 95, 99)},
                failures=list(self._failures),
                interrupted=interrupted,
            )


def percentile(ascending: Sequence[float], rank: int) -> float | None:
    """Return the smallest value that ``rank`` per cent of all values do not exceed (nearest rank)."""
    if not ascending:
        return None
    return round(ascending[max(0, math.ceil(len(ascending) * rank / 100) - 1)], 3)
