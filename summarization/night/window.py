"""Which night it is, and from where to where the planner looks for conversations that have fallen silent.

Turns are looked through by their ids, which begin with the millisecond in which a web process made them.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from summarization.models import SummaryRun

# Ids are made by the clocks of the web processes; silence is measured by the database's.
CLOCKS_DIFFER = timedelta(hours=1)
MOST_SILENCE_HOURS = 24 * 365
FIRST_ID = UUID(int=0)

SILENCES = """
SELECT coalesce(min(least(silence_hours, %(most)s)), %(setting)s), coalesce(max(least(silence_hours, %(most)s)), 0)
FROM summarization_domain_policy WHERE summaries AND silence_hours IS NOT NULL
"""
# The furthest that any run has come which looked at everything: what lies before it has been planned, or was left
# on purpose. A server's clock that was years ahead for a minute must not hide everything until then.
SETTLED = """
SELECT max(unsettled_since) FROM summarization_run
WHERE planned_at IS NOT NULL AND unsettled_since < clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class Silences:
    """The shortest and the longest silence that any domain asks for."""

    shortest: timedelta
    longest: timedelta


def tonight(now: datetime, zone: ZoneInfo, at: time) -> date:
    """Return the local date of the last night that is due at ``now``.

    Wall clocks are compared, so a night begins at ``at`` where clocks go back past it, with the first of the two, and
    where they jump over it, right after the jump.
    """
    local = now.astimezone(zone)
    return local.date() if local.time() >= at else local.date() - timedelta(days=1)


def silences() -> Silences:
    """Read the silences of the settings and of every domain with one of its own."""
    setting = settings.SUMMARY_SILENCE_HOURS
    with connection.cursor() as cursor:
        cursor.execute(SILENCES, {"most": MOST_SILENCE_HOURS, "setting": setting})
        shortest, longest = cursor.fetchone()
    return Silences(timedelta(hours=min(shortest, setting)), timedelta(hours=max(longest, setting)))


def settled_before() -> datetime | None:
    """Return from when on turns have to be looked at; None when nobody has looked at any."""
    with connection.cursor() as cursor:
        cursor.execute(SETTLED)
        found: datetime | None = cursor.fetchone()[0]
    return found


def unsettled_since(run: SummaryRun, longest: timedelta) -> datetime:
    """Return from when on turns were too young for this run, and must be looked at again by the next."""
    return min(run.as_of, run.started_at) - longest - CLOCKS_DIFFER


def first_id(since: datetime | None) -> UUID:
    """Return what lies before every turn id since then; before all of them for None."""
    return UUID(int=_milliseconds(since) << 80) if since else FIRST_ID


def last_id(run: SummaryRun, shortest: timedelta) -> UUID:
    """Return what lies behind every turn that can be the last of a conversation silent for long enough."""
    return UUID(int=(_milliseconds(run.as_of - shortest + CLOCKS_DIFFER) + 1 << 80) - 1)


def _milliseconds(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1000))
