"""What reading the last turns of a conversation costs from the cache, beside the same from Postgres."""

from contextlib import ExitStack
from functools import partial

from bench.harness.clients import clients, together
from bench.harness.hot import hot_redis
from bench.harness.load import recorded_turns
from bench.harness.measure import in_turns, paired
from bench.harness.private import empty_tables
from bench.harness.result import Figure, near_limit
from bench.harness.sizes import Size

OF_POSTGRES = 0.5
LAST = (20, 50)  # turns: the figure's own, and a page of the assistant's context
EACH = 60  # turns of a conversation
WORK = "bench.contenders.history.LastTurns"


def measure(size: Size) -> list[Figure]:
    """Read the last turns of the same conversations in two processes, in turn."""
    empty_tables()
    recorded_turns(EACH * size.conversations, each=EACH)
    with hot_redis() as server:
        environ = {"HOT_REDIS_URL": server.server.url}
        caches = {
            "cache": environ | {"HISTORY_CACHE": "redis"},
            "postgres": environ | {"HISTORY_CACHE": "off"},
        }
        return [line(last, caches, size) for last in LAST]


def line(last: int, caches: dict[str, dict[str, str]], size: Size) -> Figure:
    with ExitStack() as stack:
        groups = {
            name: stack.enter_context(clients(WORK, [{"limit": last}], environ))
            for name, environ in caches.items()
        }
        samples = in_turns(
            {name: partial(together, group, reads=size.turns) for name, group in groups.items()},
            size.rounds,
        )
    cache, postgres = paired(samples, "cache", "postgres")
    return near_limit(
        f"history of the last {last} turns, cached, p50",
        cache,
        "ms",
        OF_POSTGRES,
        postgres,
        "the same from Postgres",
    )
