"""Which conversations are due: silent for long enough, not switched off, not summarised as far as they have come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from summarization.models import SummaryRun
from summarization.night.window import MOST_SILENCE_HOURS

# Turns at once. Of more, Postgres looks up the conversations by reading their whole table: at a million, 500 ms a
# page instead of 20.
PAGE = 2_000
MOST_FAILURES = 2  # the first try and one more, on another night

PAGE_END = """
SELECT turn_id FROM persistence_turn WHERE turn_id > %(after)s AND turn_id <= %(last)s
ORDER BY turn_id OFFSET %(skip)s LIMIT 1
"""
# A conversation is looked at where its last turn is, so it is met once. Read by the primary key of turns.
SAID = "SELECT conversation_id AS id, seq FROM persistence_turn WHERE turn_id > %(after)s AND turn_id <= %(through)s"
LEFT_END = """
SELECT max(conversation_id) FROM (
    SELECT conversation_id FROM summarization_item
    WHERE state IN ('pending', 'working', 'failed') AND conversation_id > %(after)s
    ORDER BY conversation_id LIMIT %(limit)s
) AS page
"""
LEFT = """
SELECT conversation_id AS id, NULL::bigint AS seq FROM summarization_item
WHERE state IN ('pending', 'working', 'failed') AND conversation_id > %(after)s AND conversation_id <= %(through)s
"""
THIS = "SELECT %(conversation)s::bigint AS id, NULL::bigint AS seq"
# Somebody has it in hand, or a run that is still going will come to it.
BUSY = """
(item.state = 'working' AND item.claimed_until > clock_timestamp())
OR (item.state IN ('pending', 'working') AND EXISTS (
    SELECT FROM summarization_run AS other WHERE other.id = item.run_id AND other.state IN ('planning', 'running')
))
"""
DUE = """
WITH page AS MATERIALIZED ({page})
SELECT conversation.id FROM page
JOIN persistence_conversation AS conversation
    ON conversation.id = page.id AND (page.seq IS NULL OR page.seq = conversation.last_seq)
LEFT JOIN summarization_domain_policy AS policy ON policy.domain = conversation.domain
LEFT JOIN summarization_summary AS summary ON summary.conversation_id = conversation.id
LEFT JOIN summarization_item AS item ON item.conversation_id = conversation.id
WHERE coalesce(policy.summaries, true) AND conversation.last_seq > 0
AND (%(domain)s = '' OR conversation.domain = %(domain)s)
AND (%(since)s::timestamptz IS NULL OR conversation.last_turn_at >= %(since)s)
AND (%(named)s OR conversation.last_turn_at <=
     %(as_of)s - least(coalesce(policy.silence_hours, %(silence)s), %(most_silence)s) * interval '1 hour')
AND (summary.to_seq IS NULL OR summary.to_seq < conversation.last_seq OR summary.fallback_for = %(backend)s)
AND (item.conversation_id IS NULL OR item.to_seq < conversation.last_seq
     OR item.state IN ('pending', 'working')
     OR (item.state = 'failed' AND item.run_id IS DISTINCT FROM %(run)s
         AND (%(named)s OR item.failures < %(most_failures)s))
     OR (item.state = 'skipped' AND %(named)s)
     OR (item.state = 'done' AND summary.fallback_for = %(backend)s))
AND (item.conversation_id IS NULL OR NOT ({busy}))
ORDER BY conversation.id LIMIT %(limit)s
"""
# Erasure locks conversations in the same order, and items after them.
LOCKED = " FOR KEY SHARE OF conversation"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of everything a run looks at; the whole by default.

    A conversation that is named is due whatever its silence and however often it has failed, as long as it has
    something that its summary does not cover. ``limit`` is how many at most.
    """

    domain: str = ""
    conversation: int | None = None
    since: datetime | None = None
    limit: int | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of turn ids, a stretch of what earlier nights left, or one conversation."""

    source: str
    place: dict[str, Any]


def page_of_turns(after: UUID, last: UUID) -> tuple[Page, UUID]:
    """Return the turns behind ``after``, one page at most and none behind ``last``, and the id they end with."""
    with connection.cursor() as cursor:
        cursor.execute(PAGE_END, {"after": str(after), "last": str(last), "skip": PAGE - 1})
        found = cursor.fetchone()
    through = UUID(str(found[0])) if found else last
    return Page(SAID, {"after": str(after), "through": str(through)}), through


def page_of_left(after: int) -> tuple[Page, int] | None:
    """Return what earlier runs left behind conversation ``after``, and where it ends; None at the end."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT_END, {"after": after, "limit": PAGE})
        (through,) = cursor.fetchone()
    return (Page(LEFT, {"after": after, "through": through}), through) if through is not None else None


def page_of(conversation_pk: int) -> Page:
    """Return the one conversation."""
    return Page(THIS, {"conversation": conversation_pk})


def due(run: SummaryRun, page: Page, selection: Selection, *, limit: int, lock: bool) -> list[int]:
    """Return the primary keys of a page's conversations that are due, ascending.

    With ``lock``, inside a transaction, an erasure of any of them waits, or has been waited for.
    """
    statement = DUE.format(page=page.source, busy=BUSY) + (LOCKED if lock else "")
    values = {
        "domain": selection.domain,
        "since": selection.since,
        "named": selection.conversation is not None,
        "as_of": run.as_of,
        "silence": settings.SUMMARY_SILENCE_HOURS,
        "most_silence": MOST_SILENCE_HOURS,
        "most_failures": MOST_FAILURES,
        "backend": run.backend,
        "run": run.pk or 0,  # one that is not stored must not pass for the run of what was asked for
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values | page.place)
        return [pk for (pk,) in cursor.fetchall()]
