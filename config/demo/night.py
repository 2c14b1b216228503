"""The demo's last chapter: the night that would come, held now, and what it made of the conversations."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from persistence.archive.documents import PREFIXES, key_of
from persistence.archive.sinks import Sink
from summarization.event import EVENT_TYPE
from summarization.models import OPEN_RUN, SummaryRun
from summarization.night.candidates import Selection
from summarization.night.plan import plan
from summarization.night.run import begin_command, stop
from summarization.progress import progress
from summarization.tasks import QUEUE, work_chunk

STALLED_SECONDS = 30.0
LOOK_SECONDS = 0.1

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
# Nobody has summarised them as far as they go, and nobody has said why not.
LEFT = """
SELECT count(*) FROM persistence_conversation AS c
LEFT JOIN summarization_summary AS s ON s.conversation_id = c.id AND s.to_seq >= c.last_seq
LEFT JOIN summarization_item AS i ON i.conversation_id = c.id AND i.state = 'skipped' AND i.to_seq >= c.last_seq
WHERE c.domain = %(domain)s AND s.id IS NULL AND i.conversation_id IS NULL
"""
MADE = """
FROM summarization_item AS i JOIN summarization_summary AS s ON s.conversation_id = i.conversation_id
JOIN persistence_conversation AS c ON c.id = i.conversation_id
WHERE i.run_id = %(run)s AND i.state = 'done'
"""
CITED = f"""
SELECT count(*) {MADE} AND s.citations <> '[]' AND NOT EXISTS (
    SELECT FROM jsonb_array_elements_text(s.citations) AS cited (seq) WHERE NOT EXISTS (
        SELECT FROM persistence_turn AS t WHERE t.conversation_id = c.id AND t.seq = cited.seq::bigint))
"""
TOLD = f"""
SELECT event_id, ordering_key, ordering_seq FROM outbox_event
WHERE event_type = %(type)s AND ordering_key IN (SELECT c.public_id::text {MADE})
"""
# One with something to show.
EXAMPLE = f"""
SELECT c.public_id, s.to_seq, s.problem, s.solution, s.status, s.status_because, s.topics, s.open_questions, s.support
{MADE} ORDER BY (s.problem <> '' AND s.solution <> '') DESC, s.status <> 'open' DESC,
    abs(jsonb_array_length(s.topics) - 3), c.id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Night:
    """What one night made of a domain's conversations.

    ``left`` of them have neither a summary as far as they go nor a reason why not. Of the summaries, ``cited`` cite
    turns that exist, and ``archived`` lie off-box. ``reasons`` says how many were skipped or failed, and why.
    """

    state: str
    eligible: int
    summarized: int
    skipped: int
    failed: int
    remaining: int
    left: int
    cited: int
    archived: int
    reasons: dict[str, int]
    seconds: float
    example: dict[str, Any] | None

    @property
    def ok(self) -> bool:
        """Say whether every conversation has what it was promised."""
        made = {self.eligible, self.summarized, self.cited, self.archived}
        nothing = {self.failed, self.remaining, self.left}
        return (
            self.state == "finished" and made == {self.summarized} and self.summarized > 0 and nothing == {0}
        )


def hold_night(domain: str, bar: Bar) -> SummaryRun:
    """Summarise what has been said in a domain as if it had been silent for long enough, and return the ended run.

    1. plan · 2. send the chunks to the workers, as a night does · 3. wait until they are through. A run that does not
    get on for a while is stopped.
    """
    selection = Selection(domain=domain)
    run = begin_command(selection, timezone.now() + timedelta(hours=settings.SUMMARY_SILENCE_HOURS + 1))
    plan(run.pk, selection)
    run.refresh_from_db()
    for chunk in range(run.chunks):
        work_chunk.apply_async(kwargs={"run_id": str(run.run_id), "chunk": chunk}, queue=QUEUE)
    done, moved = 0, time.monotonic()
    with bar("summarising conversations", run.candidates) as advance:
        while run.state in OPEN_RUN:
            time.sleep(LOOK_SECONDS)
            run.refresh_from_db()
            if (now := progress(run).done) > done:
                advance(now - done)
                done, moved = now, time.monotonic()
            elif time.monotonic() - moved > STALLED_SECONDS:
                stop(run.pk, "stalled")
                run.refresh_from_db()
    return run


def look_at(run: SummaryRun, domain: str, sink: Sink) -> Night:
    """Find out what became of a run that has ended, once the relay has carried everything."""
    given = {"run": run.pk, "domain": domain, "type": EVENT_TYPE}
    return Night(
        state=run.state,
        eligible=run.eligible,
        summarized=run.summarized,
        skipped=run.skipped,
        failed=run.failed,
        remaining=run.remaining,
        left=_rows(LEFT, given)[0][0],
        cited=_rows(CITED, given)[0][0],
        archived=archived(sink, given),
        reasons=run.reasons,
        seconds=round(run.seconds, 2),
        example=example(given),
    )


def archived(sink: Sink, given: dict[str, Any]) -> int:
    """Return of how many conversations everything that was told of their summaries lies in the archive."""
    lying = {stored.key for stored in sink.list(PREFIXES[EVENT_TYPE])}
    told: dict[str, bool] = {}
    for event_id, conversation_id, seq in _rows(TOLD, given):
        there = key_of(EVENT_TYPE, conversation_id, seq, UUID(str(event_id))) in lying
        told[conversation_id] = told.get(conversation_id, True) and there
    return sum(told.values())


def example(given: dict[str, Any]) -> dict[str, Any] | None:
    """Return one summary, each statement with the turns that it stands on; None where there is none."""
    found = _rows(EXAMPLE, given)
    if not found:
        return None
    conversation_id, turns, problem, solution, status, because, *lists = found[0]
    topics, questions, support = (json.loads(one) for one in lists)
    return {
        "conversation_id": str(conversation_id),
        "turns": turns,
        "status": status,
        "because": because,
        "problem": (problem, support["problem"]),
        "solution": (solution, support["solution"]),
        "topics": list(zip(topics, support["topics"], strict=True)),
        "open_questions": list(zip(questions, support["open_questions"], strict=True)),
    }


def told(summary: dict[str, Any], say: Callable[[str], None]) -> None:
    """Say one summary, line by line, each statement with its turns."""
    say(
        f"{summary['conversation_id']}, turns 1 to {summary['turns']}: {summary['status']} ({summary['because']})"
    )
    single = [(name, [summary[name]]) for name in ("problem", "solution") if summary[name][0]]
    several = [
        (name.replace("_", " "), summary[name]) for name in ("topics", "open_questions") if summary[name]
    ]
    for name, statements in single + several:
        labels = [f"{name}:", *[""] * (len(statements) - 1)]
        for label, (text, turns) in zip(labels, statements, strict=True):
            say(f"  {label:16}{text} [turn {', '.join(map(str, turns))}]")


def _rows(statement: str, given: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchall()
