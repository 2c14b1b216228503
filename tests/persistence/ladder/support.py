"""Rows as processes write them, and processes that write them."""

import itertools
import os
import select
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.conf import settings

from config.services import process as processes
from persistence.ladder.histogram import bucket
from persistence.models import ProcessFigures, ProcessHour
from tests.persistence.replay.support import database_url

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PROGRAM = """
import sys
import django
django.setup()
from persistence.ladder import measure, reporter
reporter.INTERVAL_SECONDS = 0.05
measure.holds(lambda: 7)
reporter.report_as("web")
{work}
print("ready", flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""
_pids = itertools.count(100)


def ran(
    since: datetime,
    seen: datetime,
    *,
    ended: bool = False,
    held: int = 0,
    backend: str = "memory",
    role: str = "web",
) -> ProcessFigures:
    """A process that was heard of from ``since`` to ``seen``."""
    return ProcessFigures.objects.create(
        process_id=uuid.uuid4(),
        role=role,
        backend=backend,
        host="web-1",
        pid=next(_pids),
        states_held=held,
        started_at=since,
        seen_at=seen,
        ended_at=seen if ended else None,
    )


def live(*, backend: str = "memory", held: int = 0) -> ProcessFigures:
    """A web process that ran all the day before ``NOW`` and still runs."""
    return ran(NOW - timedelta(hours=24), NOW - timedelta(seconds=5), backend=backend, held=held)


def worked(
    process: ProcessFigures,
    *,
    hour: datetime = NOW - timedelta(hours=1),
    events: dict[str, int] | None = None,
    database: tuple[float, float] | None = None,
    **kinds: tuple[int, float],
) -> ProcessHour:
    """An hour in which a process did each kind so many times, for so many seconds each."""
    counts = {
        kind: {"seconds": times * seconds, "buckets": {str(bucket(seconds)): times}}
        for kind, (times, seconds) in kinds.items()
    }
    first, last = database or (None, None)
    return ProcessHour.objects.create(
        process=process,
        hour=hour,
        counts=counts | {"events": events or {}},
        database_first=first,
        database_last=last,
    )


@contextmanager
def reporting(work: str, *, url: str | None = None, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that reports as a web process, has done its work, and does what it is told by ``tell``."""
    own = os.environ | {
        "DATABASE_URL": url or database_url(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SESSION_STATE_BACKEND": "memory",
    }
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work)],
        cwd=settings.BASE_DIR,
        env=own | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert heard(program) == "ready\n"
            yield program
        finally:
            program.kill()


def tell(program: subprocess.Popen[str], line: str) -> None:
    """Have a process run a line of Python; returns when it has."""
    assert program.stdin is not None
    program.stdin.write(line + "\n")
    program.stdin.flush()
    assert heard(program) == "done\n"


def heard(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    assert select.select([program.stdout], [], [], 60)[0], "the process says nothing"
    return program.stdout.readline()


def eventually(true: Callable[[], bool]) -> None:
    """Wait until it is true, however slow the machine."""
    assert processes.wait_until(true, 60)
