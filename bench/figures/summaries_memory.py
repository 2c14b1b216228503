"""Whether a worker's memory stays flat over a night, however many conversations it has."""

import time
from collections.abc import Iterator

from bench.figures.memory import resident
from bench.harness.clients import Client, clients
from bench.harness.load import count
from bench.harness.private import empty_tables
from bench.harness.result import BenchError, Figure, near_limit
from bench.harness.sizes import Size
from bench.harness.talks import talks

OF_FIRST_TENTH = 1.05
MOST_TURNS = 4
LOOK_SECONDS = 0.05
DONE = "SELECT count(*) FROM summarization_item WHERE state IN ('done', 'skipped')"
WORK = "bench.harness.night.Nightly"


def measure(size: Size) -> list[Figure]:
    """Let one process plan and summarise a whole night, and look at it all the while."""
    empty_tables()
    talks(size.many_talks, most_turns=MOST_TURNS)
    with clients(WORK, [{}]) as (worker,):
        pid = ask(worker)
        began = time.perf_counter()
        worker.begin(what="night")
        looks = list(watched(worker, pid, size.many_talks))
        summarized = worker.result()
        seconds = time.perf_counter() - began
    if summarized < size.many_talks // 2:
        raise BenchError(f"{summarized} of {size.many_talks} conversations were summarised.")
    first = max(megabytes for done, megabytes in looks if done <= size.many_talks / 10)
    return [
        near_limit(
            f"a night's process over {size.many_talks:,} conversations, at most",
            max(megabytes for _, megabytes in looks),
            "MB",
            OF_FIRST_TENTH,
            first,
            "the same process, over the first tenth of them",
            f"planning included; {size.many_talks / seconds:,.0f} conversations/s while looked at",
        )
    ]


def ask(worker: Client) -> int:
    worker.begin(what="pid")
    return int(worker.result())


def watched(worker: Client, pid: int, conversations: int) -> Iterator[tuple[int, float]]:
    """Yield how many conversations were done, and the process' resident megabytes then, until all are."""
    while not worker.has_answered(LOOK_SECONDS + conversations / 100_000):
        done = count(DONE)
        yield done, resident(pid)[0]
