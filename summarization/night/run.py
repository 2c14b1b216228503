"""Runs: one for each night and for each call of the command. How they begin, are counted, and end."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils
from django.conf import settings
from django.db import connection

from summarization.models import SummaryRun
from summarization.night.candidates import EVERYTHING, Selection
from summarization.night.window import settled_before
from summarization.summarizers.registry import configured

State = SummaryRun.State
ZONES_DIFFER = timedelta(days=2)  # by how many dates, at most
INTERRUPTED, OPERATOR = "interrupted", "operator"

FIGURES = """
WITH item AS MATERIALIZED (
    SELECT state, reason, tokens_in, tokens_out, cost_usd FROM summarization_item WHERE run_id = %(run)s
), figures AS (
    SELECT count(*) FILTER (WHERE state <> 'skipped') AS eligible, count(*) FILTER (WHERE state = 'done') AS summarized,
        count(*) FILTER (WHERE state = 'skipped') AS skipped, count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state IN ('pending', 'working')) AS remaining,
        coalesce(sum(tokens_in), 0) AS tokens_in, coalesce(sum(tokens_out), 0) AS tokens_out,
        coalesce(sum(cost_usd), 0) AS cost_usd, count(*) AS items
    FROM item
), reasons AS (
    SELECT coalesce(jsonb_object_agg(reason, many), '{{}}') AS reasons
    FROM (SELECT reason, count(*) AS many FROM item WHERE state IN ('skipped', 'failed') GROUP BY reason) AS counted
)
UPDATE summarization_run AS run SET eligible = figures.eligible, summarized = figures.summarized,
    skipped = figures.skipped, failed = figures.failed, remaining = figures.remaining,
    tokens_in = figures.tokens_in, tokens_out = figures.tokens_out, cost_usd = figures.cost_usd,
    reasons = reasons.reasons {end}
FROM figures, reasons WHERE run.id = %(run)s AND {where}
"""
# Items that a later run has adopted are that one's: the figures of a run that has lost any stay as they are.
COUNT = FIGURES.format(
    end="",
    where="(run.state IN ('planning', 'running') OR run.eligible + run.skipped = figures.items)",
)
END = FIGURES.format(
    end=""", state = %(state)s, stopped_because = %(because)s, finished_at = clock_timestamp(),
    seconds = extract(epoch FROM clock_timestamp() - run.started_at)""",
    where="""(CASE WHEN %(state)s = 'finished' THEN run.state = 'running' AND figures.remaining = 0
              ELSE run.state IN ('planning', 'running') END)""",
)


def begin_night(night: date, now: datetime) -> SummaryRun | None:
    """Begin the night of a local date; None when it has begun before, or a later one has.

    Whoever inserts the row first has it, however many beats there are. A night far ahead was begun by a wrong clock.
    """
    same_or_later = (night, night + ZONES_DIFFER)
    if SummaryRun.objects.filter(kind=SummaryRun.Kind.NIGHTLY, night__range=same_or_later).exists():
        return None
    zone = str(settings.SUMMARY_TIME_ZONE)
    run = _new(SummaryRun.Kind.NIGHTLY, now, EVERYTHING, night=night, time_zone=zone)
    SummaryRun.objects.bulk_create([run], ignore_conflicts=True)
    return SummaryRun.objects.filter(run_id=run.run_id).first()


def begin_command(selection: Selection, now: datetime) -> SummaryRun:
    """Begin a run of ``manage.py summarize``."""
    run = draft_of_run(selection, now)
    run.save()
    return SummaryRun.objects.get(pk=run.pk)


def draft_of_run(selection: Selection, now: datetime) -> SummaryRun:
    """Return a command's run without storing it."""
    return _new(SummaryRun.Kind.COMMAND, now, selection)


def _new(kind: SummaryRun.Kind, now: datetime, selection: Selection, **more: Any) -> SummaryRun:
    summarizer = configured()
    return SummaryRun(
        run_id=UUID(str(uuid_utils.uuid7())),
        kind=kind,
        domain=selection.domain,
        backend=summarizer.name,
        model=summarizer.model[:200],
        as_of=now,
        scanned_from=selection.since or settled_before(),
        **more,
    )


def count(run_pk: int) -> None:
    """Bring a run's figures up to date; they are its items'."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"run": run_pk})


def finish(run_pk: int) -> bool:
    """End a run of which nothing is left to do. False when something is, or it has ended before."""
    return _end(run_pk, State.FINISHED, "")


def stop(run_pk: int, because: str) -> bool:
    """Stop a run: what is in hand is still done, what is pending remains for the next night. False when it has ended.

    ``because`` is a code: ``budget_usd``, ``budget_tokens``, ``budget_minutes``, ``interrupted`` or ``operator``.
    """
    return _end(run_pk, State.STOPPED, because[:40])


def _end(run_pk: int, state: SummaryRun.State, because: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(END, {"run": run_pk, "state": str(state), "because": because})
        return bool(cursor.rowcount)
