"""What reading and writing session state in Redis costs, beside redis-py as it comes."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from statistics import fmean, median

from bench.harness.clients import clients, together
from bench.harness.hot import HotRedis, hot_redis
from bench.harness.measure import Samples, in_turns, paired, percentile
from bench.harness.result import Figure, at_most, near_limit
from bench.harness.sizes import Size

GET_BAR = 0.12
PUT_BAR = 0.20
OF_LIMIT = 1.6
CALLS = 10  # for each turn that a size names: a call takes a tenth of a turn's time
GETS = {"ours": "bench.contenders.state.Gets", "raw": "bench.contenders.raw_state.Gets"}
PUTS = {"ours": "bench.contenders.state.Puts", "raw": "bench.contenders.raw_state.Puts"}


def measure(size: Size) -> list[Figure]:
    """Race reading and versioned writing of a kilobyte with one client each."""
    with hot_redis() as server:
        gets, puts = race(server, GETS, size), race(server, PUTS, size)
    return [
        *figures("session state get", gets, GET_BAR, "redis-py GET"),
        *figures("session state update + publish", puts, PUT_BAR, "redis-py EVALSHA: compare, set, publish"),
    ]


def race(server: HotRedis, contenders: Mapping[str, str], size: Size) -> Samples:
    with ExitStack() as stack:
        environ = server.patient("redis")
        groups = {
            name: stack.enter_context(clients(work, [{}], environ)) for name, work in contenders.items()
        }
        return in_turns(
            {name: partial(together, group, calls=CALLS * size.turns) for name, group in groups.items()},
            size.rounds,
        )


def figures(name: str, samples: Samples, bar: float, limit_is: str) -> list[Figure]:
    ours, raw = paired(samples, "ours", "raw", fmean)
    p95 = median(percentile(found, 0.95) for found in samples["ours"])
    note = f"p95 {p95:.3f} ms"
    return [
        at_most(f"{name}, mean", ours, "ms", bar, raw, limit_is, note),
        near_limit(f"{name}, mean", ours, "ms", OF_LIMIT, raw, limit_is, note),
    ]
