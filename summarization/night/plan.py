"""The planner: writes an item for each conversation that is due, page by page, and remembers how far it has come."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from summarization.models import SummaryRun
from summarization.night.candidates import (
    BUSY,
    EVERYTHING,
    PAGE,
    Page,
    Selection,
    due,
    page_of,
    page_of_left,
    page_of_turns,
)
from summarization.night.window import CLOCKS_DIFFER, first_id, last_id, silences, unsettled_since

# What was tried and failed keeps its count, as long as nothing new was said.
ITEMS = f"""
INSERT INTO summarization_item AS item (
    conversation_id, domain, run_id, chunk, state, to_seq, failures, rescues, reason, detail,
    tokens_in, tokens_out, cost_usd, updated_at
)
SELECT id, domain, %(run)s, (%(planned)s + row_number() OVER (ORDER BY id) - 1) / %(chunk_size)s, 'pending', last_seq,
       0, 0, '', '', 0, 0, 0, clock_timestamp()
FROM persistence_conversation WHERE id = ANY (%(ids)s) ORDER BY id
ON CONFLICT (conversation_id) DO UPDATE SET
    run_id = excluded.run_id, chunk = excluded.chunk, state = 'pending', to_seq = excluded.to_seq,
    failures = CASE WHEN item.to_seq = excluded.to_seq THEN item.failures ELSE 0 END,
    rescues = 0, reason = '', detail = '', tokens_in = 0, tokens_out = 0, cost_usd = 0,
    claimed_by = NULL, claimed_until = NULL, updated_at = excluded.updated_at
WHERE NOT ({BUSY})
RETURNING chunk
"""


class _NotMine(Exception):
    """Another planner has the run in hand, or it was stopped. Nothing was written."""


def plan(
    run_pk: int, selection: Selection = EVERYTHING, *, enough: Callable[[], bool] = lambda: False
) -> bool:
    """Plan the run, or go on where another planner left off; True when it is planned to its end.

    1. adopt what earlier runs left · 2. page through the turns of the window · 3. mark the run as running. Each page is
    one short transaction that holds the run's row: of two planners, one leaves. ``enough`` is asked between pages.
    """
    try:
        for page, through in _pages(SummaryRun.objects.get(pk=run_pk), selection):
            _write(run_pk, page, selection, through)
            if enough():
                return False
        _end(run_pk, selection)
    except _NotMine:
        return False
    return True


def preview(run: SummaryRun, selection: Selection) -> Iterator[list[int]]:
    """Yield what would be planned, in pages, and write nothing; ``run`` need not be stored."""
    room = PAGE if selection.limit is None else selection.limit
    left: set[int] = set()
    for page, through in _pages(run, selection):
        found = [pk for pk in due(run, page, selection, limit=PAGE, lock=False) if pk not in left]
        if through is None:
            left.update(found)  # some of these have turns in the window, too
        found = found[:room]
        if selection.limit is not None:
            room -= len(found)
        if found:
            yield found
        if room <= 0:
            return


def _pages(run: SummaryRun, selection: Selection) -> Iterator[tuple[Page, UUID | None]]:
    """Yield every stretch to look through, those of turns with the id that they end with."""
    if selection.conversation is not None:
        yield page_of(selection.conversation), None
        return
    left = page_of_left(0)
    while left:
        yield left[0], None
        left = page_of_left(left[1])
    after, last = run.scanned_through or _start(run, selection), last_id(run, silences().shortest)
    while after < last:
        page, after = page_of_turns(after, last)
        yield page, after


def _start(run: SummaryRun, selection: Selection) -> UUID:
    return first_id(selection.since - CLOCKS_DIFFER if selection.since else run.scanned_from)


def _write(run_pk: int, page: Page, selection: Selection, through: UUID | None) -> None:
    """Write the items of one page and how far the run has come: one transaction."""
    with transaction.atomic(durable=True):
        run = _held(run_pk)
        if selection.is_everything:
            run.unsettled_since = _unsettled(run)
        room = PAGE if selection.limit is None else min(PAGE, selection.limit - run.candidates)
        if room > 0 and (ids := due(run, page, selection, limit=room, lock=True)):
            chunks = _write_items(run, ids)
            run.candidates += len(chunks)
            run.chunks = max([run.chunks, *(chunk + 1 for chunk in chunks)])
        run.scanned_through = through or run.scanned_through
        run.save(update_fields=["candidates", "chunks", "scanned_through", "unsettled_since"])


def _unsettled(run: SummaryRun) -> datetime:
    """Return from when on the next run looks again: by the longest silence that held while any page was looked at."""
    found = unsettled_since(run, silences().longest)
    return min(found, run.unsettled_since) if run.unsettled_since else found


def _held(run_pk: int) -> SummaryRun:
    """Lock the run's row for this transaction. Raises _NotMine."""
    planning = SummaryRun.objects.filter(pk=run_pk, state=SummaryRun.State.PLANNING)
    run = planning.select_for_update(skip_locked=True, no_key=True).first()
    if run is None:
        raise _NotMine
    return run


def _write_items(run: SummaryRun, ids: list[int]) -> list[int]:
    values: dict[str, Any] = {
        "run": run.pk,
        "ids": ids,
        "planned": run.candidates,
        "chunk_size": settings.SUMMARY_CHUNK_SIZE,
    }
    with connection.cursor() as cursor:
        cursor.execute(ITEMS, values)
        return [chunk for (chunk,) in cursor.fetchall()]


def _end(run_pk: int, selection: Selection) -> None:
    with transaction.atomic(durable=True):
        run = _held(run_pk)
        if selection.is_everything:
            run.unsettled_since = _unsettled(run)
        run.state = SummaryRun.State.RUNNING
        run.planned_at = Now()
        run.save(update_fields=["unsettled_since", "state", "planned_at"])
