"""Tending: each minute somebody looks whether tonight has begun, whether what has begun goes on, whether it is done.

Messages may be lost and workers may die; the rows say what is left, and this sends for it again.
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection

from summarization.models import OPEN_RUN, SummaryRun
from summarization.night.budget import Budget, standing
from summarization.night.run import INTERRUPTED, begin_night, count, finish, stop
from summarization.night.window import tonight

QUIET_SECONDS = 60.0  # a run in which nothing has moved for so long has lost its messages or its workers
# A command works in one process. It shows signs of life more often than this, also while it plans.
ABANDONED_SECONDS = 900.0
MOST_CHUNKS = 100  # sent at once: while nobody listens, the broker keeps every message

LEFT = """
SELECT DISTINCT chunk FROM summarization_item WHERE run_id = %(run)s AND state IN ('pending', 'working') ORDER BY chunk
"""
# Somebody holds a claim, or has just settled one, or the run has only just been planned.
MOVES = """
SELECT EXISTS (
    SELECT FROM summarization_item WHERE run_id = %(run)s AND state = 'working' AND claimed_until > clock_timestamp()
) OR coalesce((SELECT max(updated_at) FROM summarization_item WHERE run_id = %(run)s), '-infinity')
       > clock_timestamp() - %(quiet)s * interval '1 second'
  OR EXISTS (
    SELECT FROM summarization_run WHERE id = %(run)s
    AND greatest(started_at, planned_at) > clock_timestamp() - %(quiet)s * interval '1 second'
)
"""


@dataclass(slots=True)
class ToSend:
    """What has to be sent: runs to plan, and chunks of planned ones to summarise, by run id."""

    plans: list[str] = field(default_factory=list)
    chunks: list[tuple[str, int]] = field(default_factory=list)


def tend(now: datetime) -> ToSend:
    """Begin tonight if it is due, look after every run that has begun, and return what to send.

    A night that was missed begins as soon as somebody looks; as eligibility goes by watermarks, one run catches up any
    number of them. ``now`` is the database's.
    """
    begin_night(tonight(now, settings.SUMMARY_TIME_ZONE, settings.SUMMARY_TIME), now)
    found = ToSend()
    for run in _open():
        if not _ended(run) and run.kind == SummaryRun.Kind.NIGHTLY:
            _tend_night(run, found)
    return found


def end_what_is_over() -> None:
    """End runs that are over their time or were left by a process that died, so that others may take up their rest.

    For whoever works where nobody tends.
    """
    for run in _open():
        _ended(run)


def _open() -> list[SummaryRun]:
    return list(SummaryRun.objects.filter(state__in=OPEN_RUN).order_by("id"))


def _ended(run: SummaryRun) -> bool:
    if run.kind == SummaryRun.Kind.COMMAND:
        return _tend_command(run)
    budget = Budget.configured()
    because = standing(run.pk, budget).ends(budget)
    return bool(because) and stop(run.pk, because)


def _tend_command(run: SummaryRun) -> bool:
    """End what a command left: others have done its rest, or its process died. A living one does everything itself."""
    return finish(run.pk) or (not _moves(run, ABANDONED_SECONDS) and stop(run.pk, INTERRUPTED))


def _tend_night(run: SummaryRun, found: ToSend) -> None:
    if run.state == SummaryRun.State.PLANNING:
        found.plans.append(str(run.run_id))  # whoever finds the run in hand leaves it
    elif not finish(run.pk):
        count(run.pk)
        if not _moves(run, QUIET_SECONDS):
            found.chunks += [(str(run.run_id), chunk) for chunk in chunks_left(run.pk)[:MOST_CHUNKS]]


def chunks_left(run_pk: int) -> list[int]:
    """Return the chunks of a run in which something is to be done."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT, {"run": run_pk})
        return [chunk for (chunk,) in cursor.fetchall()]


def _moves(run: SummaryRun, quiet: float) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(MOVES, {"run": run.pk, "quiet": quiet})
        return bool(cursor.fetchone()[0])
