"""Celery's doors to the summaries. A message carries a run and a chunk at most; losing it changes nothing."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import group, shared_task

from persistence.database import database_now
from summarization import asked
from summarization.models import SummaryRun
from summarization.night.budget import Budget
from summarization.night.chunk import work
from summarization.night.plan import plan as plan_run
from summarization.night.run import count, finish
from summarization.night.tend import chunks_left
from summarization.night.tend import tend as tend_runs

QUEUE = "summaries"
TICK_SECONDS = 60.0  # of tend: what is still in the queue by its next look is sent again
ASKED_SECONDS = 5.0  # of send_asked
PLAN_SECONDS = 240.0
# Short, so that whoever asks for one summary does not wait behind a night; a chunk that is not done sends for itself.
CHUNK_SECONDS = 30.0


@shared_task(name="summarization.tend")
def tend(**_: Any) -> None:
    """Begin tonight when it is due, and see to it that every run goes on and ends."""
    found = tend_runs(database_now())
    for run_id in found.plans:
        plan.apply_async(kwargs={"run_id": run_id}, queue=QUEUE, expires=TICK_SECONDS)
    for run_id, number in found.chunks:
        kwargs = {"run_id": run_id, "chunk": number}
        work_chunk.apply_async(kwargs=kwargs, queue=QUEUE, expires=TICK_SECONDS)


@shared_task(name="summarization.plan")
def plan(*, run_id: str, **_: Any) -> None:
    """Write down what a night has to do, and send its chunks."""
    run = SummaryRun.objects.filter(run_id=UUID(run_id)).first()
    if run is None or not plan_run(run.pk, enough=_after(PLAN_SECONDS)):
        return
    numbers = chunks_left(run.pk)
    if not numbers:
        finish(run.pk)
        return
    sent = group(work_chunk.s(run_id=run_id, chunk=number).set(queue=QUEUE) for number in numbers)()
    sent.save()
    SummaryRun.objects.filter(pk=run.pk).update(group_id=sent.id)


@shared_task(name="summarization.chunk", ignore_result=False)
def work_chunk(*, run_id: str, chunk: int, **_: Any) -> dict[str, object]:
    """Summarise a chunk for a while, and send for it again when something is left. Its result says what was done."""
    run = SummaryRun.objects.filter(run_id=UUID(run_id)).first()
    if run is None:
        return {}
    worked = work(run.pk, chunk, Budget.configured(), seconds=CHUNK_SECONDS)
    if worked.more:
        work_chunk.apply_async(kwargs={"run_id": run_id, "chunk": chunk}, queue=QUEUE)
    count(run.pk)
    finish(run.pk)
    return worked.as_json()


@shared_task(name="summarization.send_asked")
def send_asked(**_: Any) -> None:
    """Send for the summaries that somebody waits for; beat itself cannot see whether anybody does."""
    if asked.waiting():
        ask.apply_async(queue=QUEUE, expires=ASKED_SECONDS)


@shared_task(name="summarization.ask")
def ask(**_: Any) -> None:
    """Summarise what somebody waits for."""
    asked.summarize_asked(time.monotonic() + CHUNK_SECONDS)


def _after(seconds: float) -> Callable[[], bool]:
    """Return what says whether so long has gone by since now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end
