"""The console and the API's reads: pages of a desk with a million turns beside the same pages of a small desk."""

from contextlib import ExitStack
from functools import partial

from bench.harness.clients import Client, clients, together
from bench.harness.desk import TURNS_EACH, loaded_desk, people
from bench.harness.measure import in_turns, medians
from bench.harness.private import empty_tables, second_database
from bench.harness.result import Figure, at_most
from bench.harness.sizes import Size

BAR = 300
SMALL = 1_200  # conversations: their live cases fill the queue's first page, as those of the large desk do
WORK = "bench.harness.pages.Pages"
KINDS = {
    "queue": "queue page",
    "filtered": "queue page, filtered",
    "ended": "page of ended cases",
    "search": "search over transcripts",
    "rows": "queue's rows, asked again",
    "case": "case page",
    "long case": "case page, {long:,} turns",
    "news": "case's news, asked again",
    "dashboard": "dashboard",
    "api cases": "GET /cases",
    "api context": "GET context",
    "api long context": "GET context, {long:,} turns",
}


def measure(size: Size) -> list[Figure]:
    """Open each kind of page in both desks, in turn."""
    empty_tables()
    people()
    conversations = max(SMALL, size.table_turns // TURNS_EACH)
    with ExitStack() as stack:
        urls = {name: stack.enter_context(second_database(f"bench_{name}")) for name in ("full", "small")}
        loaded_desk(urls["full"], conversations, long_turns=size.long_conversation)
        loaded_desk(urls["small"], SMALL, long_turns=size.long_conversation)
        groups = {
            name: stack.enter_context(clients(WORK, [{}], {"DATABASE_URL": url}))
            for name, url in urls.items()
        }
        return [line(kind, groups, size, conversations) for kind in KINDS]


def line(kind: str, groups: dict[str, list[Client]], size: Size, conversations: int) -> Figure:
    """Measure one kind of page."""
    times = max(2, size.turns // 20)
    samples = in_turns(
        {name: partial(together, group, kind=kind, times=times) for name, group in groups.items()},
        size.rounds,
    )
    found = medians(samples, 0.95)
    return at_most(
        f"{KINDS[kind].format(long=size.long_conversation)} p95",
        found["full"],
        "ms",
        BAR,
        found["small"],
        f"the same of a desk of {SMALL:,} cases",
        f"{conversations * TURNS_EACH:,} turns, {conversations:,} cases",
    )
