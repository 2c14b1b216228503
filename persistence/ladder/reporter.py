"""This process' figures on their way to Postgres: every half minute, in a thread of their own.

Figures are added up in memory by ``measure`` and written as what the hour amounts to so far. So a report that is made
twice, or whose answer was lost, changes nothing, and one that fails is made good by the next. A process that is killed
loses the figures of its last half minute.
"""

import atexit
import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Literal

import uuid_utils
from django.conf import settings
from django.db import Error, connection, transaction

from persistence.ladder import measure

log = logging.getLogger(__name__)
Role = Literal["web", "worker"]
INTERVAL_SECONDS = 30.0
SILENT_SECONDS = 3 * INTERVAL_SECONDS  # who has not been heard for so long is gone
EXIT_SECONDS = 3.0
KEPT_DAYS = 30
HOURS_IN_HAND = 48  # of an outage of Postgres; what is older is given up

PROCESS = """
INSERT INTO persistence_process_figures AS process
    (process_id, role, backend, host, pid, states_held, started_at, seen_at, ended_at)
VALUES (%(id)s, %(role)s, %(backend)s, %(host)s, %(pid)s, %(held)s,
        statement_timestamp() - %(age)s * interval '1 second', statement_timestamp(),
        CASE WHEN %(ended)s THEN statement_timestamp() END)
ON CONFLICT (process_id) DO UPDATE
SET states_held = excluded.states_held, backend = excluded.backend, seen_at = excluded.seen_at,
    ended_at = excluded.ended_at
"""
# Read as JSON: a Postgres that does not know active_time yet (before 14) says null.
WORKED = """
SELECT (to_jsonb(figures) ->> 'active_time')::float8 / 1000 FROM pg_stat_database AS figures
WHERE datname = current_database()
"""
HOUR = """
INSERT INTO persistence_process_hour AS hour (process_id, hour, counts, database_first, database_last)
VALUES (%(id)s, %(hour)s, %(counts)s, %(worked)s, %(worked)s)
ON CONFLICT (process_id, hour) DO UPDATE
SET counts = excluded.counts, database_last = coalesce(excluded.database_last, hour.database_last)
"""
# Several processes prune at once: each takes what no other has taken.
PRUNE_HOURS = """
DELETE FROM persistence_process_hour WHERE id = ANY (ARRAY(
    SELECT id FROM persistence_process_hour WHERE hour < clock_timestamp() - %(days)s * interval '1 day'
    ORDER BY hour LIMIT 1000 FOR UPDATE SKIP LOCKED))
"""
PRUNE_PROCESSES = """
DELETE FROM persistence_process_figures WHERE process_id = ANY (ARRAY(
    SELECT process_id FROM persistence_process_figures AS process
    WHERE seen_at < clock_timestamp() - %(days)s * interval '1 day'
      AND NOT EXISTS (SELECT FROM persistence_process_hour AS hour WHERE hour.process_id = process.process_id)
    LIMIT 1000 FOR UPDATE SKIP LOCKED))
"""


class Hour:
    """What this process measured in one hour."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.buckets: dict[str, Counter[int]] = {}
        self.events: Counter[str] = Counter()

    def add(self) -> None:
        """Take what was measured since the last time."""
        kinds, events = measure.take()
        self.events.update(events)
        for kind, (seconds, buckets) in kinds.items():
            if buckets:
                self.seconds[kind] += seconds  # type: ignore[assignment]
                self.buckets.setdefault(kind, Counter()).update(buckets)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as ``ProcessHour.counts`` keeps them."""
        kinds = {
            kind: {"seconds": round(self.seconds[kind], 6), "buckets": buckets}
            for kind, buckets in self.buckets.items()
        }
        return kinds | {"events": self.events}


class Reporter:
    """One process and its figures."""

    def __init__(self, role: Role) -> None:
        self.process_id = str(uuid_utils.uuid4())
        self._role = role
        self._began = time.monotonic()
        self._hours: dict[datetime, Hour] = {}
        self._pruned: datetime | None = None
        self._writing = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing = False

    def start(self) -> None:
        """Report from now on, until the process ends."""
        self._thread = threading.Thread(target=self._run, name="holdfast-figures", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Report a last time, and wait for that a little: nobody's exit hangs on a figure."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(EXIT_SECONDS)

    def flush(self, *, ended: bool = False) -> None:
        """Write what there is. Raises what Postgres raises; nothing is lost then."""
        with self._writing:
            hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
            self._hours.setdefault(hour, Hour()).add()
            for oldest in sorted(self._hours)[:-HOURS_IN_HAND]:
                del self._hours[oldest]
            self._write(hour, ended=ended)
            self._hours = {hour: self._hours[hour]}

    def _write(self, present: datetime, *, ended: bool) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PROCESS, self._process() | {"ended": ended})
            cursor.execute(WORKED)
            (worked,) = cursor.fetchone() or (None,)
            for hour, figures in self._hours.items():
                row: dict[str, Any] = {"id": self.process_id, "hour": hour}
                row |= {
                    "counts": json.dumps(figures.as_json()),
                    "worked": worked if hour == present else None,
                }
                cursor.execute(HOUR, row)
            if self._pruned != present:
                cursor.execute(PRUNE_HOURS, {"days": KEPT_DAYS})
                cursor.execute(PRUNE_PROCESSES, {"days": KEPT_DAYS})
        self._pruned = present

    def _process(self) -> dict[str, Any]:
        return {
            "id": self.process_id,
            "role": self._role,
            "backend": settings.SESSION_STATE_BACKEND,
            "host": socket.gethostname()[:255],
            "pid": os.getpid(),
            "held": measure.states_held(),
            "age": time.monotonic() - self._began,
        }

    def _run(self) -> None:
        self._report(ended=False)  # at once: a process is known before it has lived for half a minute
        while not self._end.wait(INTERVAL_SECONDS):
            self._report(ended=False)
        self._report(ended=True)

    def _report(self, *, ended: bool) -> None:
        """Flush through any trouble: a figure is never worth a process, and the next report makes good for this one."""
        try:
            self.flush(ended=ended)
        except Exception as error:
            if not self._failing:
                log.warning("figures for the ladder are kept until Postgres takes them: %s", error)
            self._failing = True
        else:
            self._failing = False
        finally:
            with contextlib.suppress(Error):
                connection.close()  # one more connection for a moment, and not for ever


_reporter: Reporter | None = None


def report_as(role: Role) -> None:
    """Have this process, and each that is forked from it, report what it measures, from its first measurement on."""
    global _reporter
    if _reporter is None:
        atexit.register(stop)
    _reporter = Reporter(role)
    measure.on_first_measure(_reporter.start)


def stop() -> None:
    """Report a last time, where this process has reported at all."""
    if _reporter is not None:
        _reporter.stop()


def _after_fork() -> None:
    if _reporter is not None:
        report_as(_reporter._role)


os.register_at_fork(after_in_child=_after_fork)
