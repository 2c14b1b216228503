"""What the planner of a night pays for one page of turns, where there are a million conversations."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone

from bench.harness.measure import in_turns, paired
from bench.harness.private import empty_tables
from bench.harness.result import BenchError, Figure, near_limit
from bench.harness.sizes import Size
from bench.harness.talks import summarized, talks
from summarization.models import SummaryRun
from summarization.night.candidates import EVERYTHING, PAGE, due, page_of_turns
from summarization.night.window import last_id

OF_RAW = 5
NEW = PAGE  # conversations at the end of the table that are due; the others have their summary
ENOUGH_FOR_A_PLAN = 1_000_000  # in a smaller table a sequential scan may well be the better plan
NTH = "SELECT turn_id FROM persistence_turn ORDER BY turn_id OFFSET %s LIMIT 1"
RAW = """
SELECT count(*) FROM persistence_turn AS turn
JOIN persistence_conversation AS conversation ON conversation.id = turn.conversation_id
WHERE turn.turn_id > %s AND turn.turn_id <= %s AND conversation.last_seq = turn.seq
"""
SCANS = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY (%s)"
LARGE = ["persistence_turn", "persistence_conversation", "summarization_item", "summarization_summary"]


def measure(size: Size) -> list[Figure]:
    """Look for what is due in one page after another; join the same turns to their conversations, in turn.

    Raises BenchError when a page reads a large table from end to end.
    """
    empty_tables()
    talks(size.table_turns, most_turns=1)
    summarized(max(0, size.table_turns - NEW))
    run = SummaryRun.objects.create(
        run_id=uuid4(), kind="command", backend="extractive", as_of=timezone.now() + timedelta(hours=1)
    )
    pages = some_pages(size, run)
    samples = in_turns({"ours": each(pages, planner(run)), "limit": each(pages, raw)}, size.rounds)
    measured, limit = paired(samples, "ours", "limit")
    turns = min(PAGE, size.table_turns)
    return [
        near_limit(
            f"planner's page among {size.table_turns:,} conversations, p50",
            measured,
            "ms",
            OF_RAW,
            limit,
            "the same turns joined to their conversations, and counted",
            f"{turns:,} turns, all summarised, or none; by index alone",
        )
    ]


def some_pages(size: Size, run: SummaryRun) -> list[UUID]:
    """Return where pages begin, from all over the table, after a look at how they are read."""
    count = max(1, min(8, size.table_turns // PAGE))
    starts = [nth(number * size.table_turns // count) for number in range(count)]
    starts.append(nth(max(0, size.table_turns - NEW)))
    with connection.cursor() as cursor:
        before = scans(cursor)
        found = planner(run)(starts[-1])
        after = scans(cursor)
    if not found:
        raise BenchError("The planner found nothing due in a page in which nearly everything is.")
    if size.table_turns >= ENOUGH_FOR_A_PLAN and after != before:
        raise BenchError(f"The planner reads a table from end to end: {before} before, {after} after.")
    return starts


def nth(number: int) -> UUID:
    with connection.cursor() as cursor:
        cursor.execute(NTH, [number])
        return UUID(str(cursor.fetchone()[0]))


def scans(cursor: Any) -> dict[str, int]:
    """Return how often the large tables were read from end to end, by what this connection has done too."""
    cursor.execute("SELECT pg_stat_force_next_flush()")
    cursor.execute("SELECT pg_stat_clear_snapshot()")
    cursor.execute(SCANS, [LARGE])
    return dict(cursor.fetchall())


def planner(run: SummaryRun) -> Callable[[UUID], int]:
    """Return what finds out what is due in the page behind a turn, as the planner does before it writes."""

    def page(after: UUID) -> int:
        found, _ = page_of_turns(after, last_id(run, timedelta(hours=0)))
        return len(due(run, found, EVERYTHING, limit=PAGE, lock=False))

    return page


def raw(after: UUID) -> int:
    _, through = page_of_turns(after, UUID(int=2**128 - 1))
    with connection.cursor() as cursor:
        cursor.execute(RAW, [str(after), str(through)])
        return int(cursor.fetchone()[0])


def each(pages: list[UUID], work: Callable[[UUID], int]) -> Callable[[], list[float]]:
    """Return what does this for every page and answers how many milliseconds each took."""

    def once() -> list[float]:
        found = []
        for page in pages:
            began = time.perf_counter()
            work(page)
            found.append((time.perf_counter() - began) * 1000)
        return found

    return once
