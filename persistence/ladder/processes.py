"""Which processes there were, which are there now, and what went with those that ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from persistence.ladder.reporter import SILENT_SECONDS

SEEN = """
SELECT backend, started_at, seen_at, ended_at, states_held FROM persistence_process_figures
WHERE role = 'web' AND seen_at > %(since)s AND started_at <= %(until)s
"""
MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class WebProcess:
    """One web process, as it was last heard of."""

    backend: str
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    states_held: int

    def gone(self, at: datetime) -> bool:
        """Say whether it had ended by then, in order or without a word."""
        if self.ended_at is not None:
            return self.ended_at <= at
        return self.seen_at < at - timedelta(seconds=SILENT_SECONDS)


@dataclass(frozen=True, slots=True)
class WebProcesses:
    """The web processes of a window. ``restarts`` ended in it, and ``lossy`` are those whose memory held states."""

    live: int
    restarts: int
    lossy: int
    states_lost: int
    states_held: int


def web_processes(since: datetime, until: datetime) -> WebProcesses:
    """Return how the web processes stood at ``until`` and what ended since ``since``."""
    with connection.cursor() as cursor:
        cursor.execute(SEEN, {"since": since - timedelta(seconds=SILENT_SECONDS), "until": until})
        found = [WebProcess(*row) for row in cursor.fetchall()]
    live = [process for process in found if not process.gone(until)]
    gone = [process for process in found if process.gone(until)]
    lossy = [process for process in gone if process.backend == MEMORY and process.states_held]
    return WebProcesses(
        live=at_once(live),
        restarts=len(gone),
        lossy=len(lossy),
        states_lost=sum(process.states_held for process in lossy),
        states_held=sum(process.states_held for process in live if process.backend == MEMORY),
    )


def at_once(processes: list[WebProcess]) -> int:
    """Return how many of them ran at the same time.

    One that was killed a moment ago and the one that took its place are not two: it was not heard of any more when the
    other began.
    """
    return max(
        (
            sum(other.started_at <= process.started_at <= other.seen_at for other in processes)
            for process in processes
        ),
        default=0,
    )
