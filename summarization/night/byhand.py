"""A run of ``manage.py summarize``: planned and worked off in one process, beside whatever night is under way."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime

from summarization.draft import Source
from summarization.models import ConversationSummary, SummaryItem, SummaryRun
from summarization.night.budget import Budget, Estimate, estimate
from summarization.night.candidates import Selection
from summarization.night.chunk import work
from summarization.night.plan import plan, preview
from summarization.night.run import INTERRUPTED, begin_command, count, draft_of_run, finish, stop
from summarization.night.tend import end_what_is_over
from summarization.one import unchanged
from summarization.source import read_source, read_sources
from summarization.summarizers.registry import configured
from summarization.worth import unworthy

Bar = Callable[[int], AbstractContextManager[Callable[[int], None]]]
READ_AT_ONCE = 50
PAUSE_SECONDS = 0.1


@dataclass(slots=True)
class Figures:
    """What a run did, or with ``dry_run`` would do. ``reasons``: how many were skipped or failed, by reason.

    eligible = summarized + failed + remaining; ``fell_back`` of the failed have a summary all the same. ``busy``: the
    one conversation that was named is in other hands.
    """

    run_id: str | None = None
    dry_run: bool = False
    eligible: int = 0
    summarized: int = 0
    skipped: int = 0
    failed: int = 0
    remaining: int = 0
    fell_back: int = 0
    busy: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    stopped_because: str = ""
    reasons: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the object that the command prints."""
        return asdict(self)


def summarize(selection: Selection, now: datetime, bar: Bar) -> Figures:
    """Plan a run of one's own and work it off. An interruption gives back what was claimed and stops the run."""
    end_what_is_over()
    run = begin_command(selection, now)
    try:
        plan(run.pk, selection)
        run.refresh_from_db()
        with bar(run.candidates) as advance:
            _work_off(run, lambda: advance(1))
        count(run.pk)
        finish(run.pk)
    except BaseException as error:
        stop(run.pk, INTERRUPTED)
        if not isinstance(error, KeyboardInterrupt):
            raise
    return _figures(run, selection)


def _work_off(run: SummaryRun, on_end: Callable[[], None]) -> None:
    budget = Budget.configured()
    for chunk in _pending(run):
        worked = work(run.pk, chunk, budget, seconds=math.inf, on_end=lambda ended: on_end())
        if worked.stopped:
            return


def _pending(run: SummaryRun) -> Iterator[int]:
    """Yield chunks until nothing of them is pending: rows that another planner looks at cannot be claimed just then."""
    yield from range(run.chunks)
    pending = SummaryItem.objects.filter(run=run, state=SummaryItem.State.PENDING).order_by("chunk")
    while chunks := list(pending.values_list("chunk", flat=True).distinct()):
        time.sleep(PAUSE_SECONDS)
        yield from chunks


def _figures(run: SummaryRun, selection: Selection) -> Figures:
    run.refresh_from_db()
    failed = SummaryItem.objects.filter(run=run, state=SummaryItem.State.FAILED)
    return Figures(
        run_id=str(run.run_id),
        eligible=run.eligible,
        summarized=run.summarized,
        skipped=run.skipped,
        failed=run.failed,
        remaining=run.remaining,
        fell_back=failed.filter(conversation__summary__fallback_for__gt="").count(),
        busy=_is_busy(selection) if not run.candidates else False,
        tokens_in=run.tokens_in,
        tokens_out=run.tokens_out,
        cost_usd=float(run.cost_usd),
        seconds=round(run.seconds, 3),
        stopped_because=run.stopped_because,
        reasons=run.reasons,
    )


def _is_busy(selection: Selection) -> bool:
    if selection.conversation is None:
        return False
    open_states = [SummaryItem.State.PENDING, SummaryItem.State.WORKING]
    return SummaryItem.objects.filter(conversation_id=selection.conversation, state__in=open_states).exists()


def dry_run(selection: Selection, now: datetime, bar: Bar) -> Figures:
    """Find and read what a run would summarise, estimate what it would take, and write nothing at all."""
    began, summarizer = time.monotonic(), configured()
    found, taken, reasons = Figures(dry_run=True), Estimate(), Counter[str]()
    pages = list(preview(draft_of_run(selection, now), selection))
    with bar(sum(map(len, pages))) as advance:
        for source, previous in _sources(pages, advance):
            if reason := unworthy(source) or unchanged(source, summarizer, previous):
                reasons[reason] += 1
                continue
            found.eligible += 1
            taken += estimate(source, summarizer)
    found.busy = _is_busy(selection) if not pages else False
    found.remaining, found.skipped, found.reasons = found.eligible, reasons.total(), dict(reasons)
    found.tokens_in, found.tokens_out, found.cost_usd = (
        taken.tokens_in,
        taken.tokens_out,
        float(taken.cost_usd),
    )
    found.seconds = round(time.monotonic() - began, 3)
    return found


def _sources(
    pages: Iterable[list[int]], advance: Callable[[int], None]
) -> Iterator[tuple[Source, bytes | None]]:
    """Yield what was said in each of these conversations, and its summary's hash; few of them are held at once."""
    for page in pages:
        for start in range(0, len(page), READ_AT_ONCE):
            pks = page[start : start + READ_AT_ONCE]
            together = read_sources(pks)
            stored = ConversationSummary.objects.filter(conversation_id__in=pks)
            hashes = {pk: bytes(digest) for pk, digest in stored.values_list("conversation_id", "input_hash")}
            for pk in pks:
                advance(1)
                if source := together.get(pk) or read_source(pk):
                    yield source, hashes.get(pk)
