"""Short words for nights: a day later, planned to the end, worked off."""

from datetime import datetime, timedelta
from typing import Any

from persistence.database import database_now
from summarization.models import SummaryItem, SummaryRun
from summarization.night.budget import Budget
from summarization.night.candidates import EVERYTHING, Selection
from summarization.night.chunk import Worked, work
from summarization.night.plan import plan
from summarization.night.run import begin_command, begin_night, count, finish


def later(hours: float = 25) -> datetime:
    """The database's time, so many hours on."""
    return database_now() + timedelta(hours=hours)


def planned(selection: Selection = EVERYTHING, now: datetime | None = None) -> SummaryRun:
    """A command's run, planned as of a day later."""
    found = begin_command(selection, now or later())
    assert plan(found.pk, selection)
    found.refresh_from_db()
    return found


def night(days: int = 1) -> SummaryRun:
    """A night, begun and planned as of so many days later."""
    now = later(25 * days)
    found = begin_night(now.date(), now)
    assert found is not None
    assert plan(found.pk)
    found.refresh_from_db()
    return found


def done(run: SummaryRun, **budget: Any) -> SummaryRun:
    """Work the run off."""
    for chunk in range(run.chunks):
        worked(run, chunk, **budget)
    count(run.pk)
    finish(run.pk)
    run.refresh_from_db()
    return run


def worked(run: SummaryRun, chunk: int = 0, *, seconds: float = 60, **budget: Any) -> Worked:
    """Work on one chunk, by default without any limit to what it may cost."""
    return work(run.pk, chunk, Budget(**budget), seconds=seconds)


def items(run: SummaryRun) -> dict[int, str]:
    """The states of a run's items by conversation."""
    return dict(SummaryItem.objects.filter(run=run).values_list("conversation_id", "state"))
