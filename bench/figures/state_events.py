"""From the beginning of a write to another process having the new state, beside redis-py's publish and subscribe."""

from contextlib import ExitStack
from functools import partial
from uuid import uuid4

from bench.harness.clients import Client, clients
from bench.harness.hot import hot_redis
from bench.harness.measure import in_turns, paired, percentile
from bench.harness.result import Figure, at_most
from bench.harness.sizes import Size

BAR = 0.19
PAUSE_SECONDS = 0.001
KINDS = {"ours": "bench.contenders.state", "raw": "bench.contenders.raw_state"}


def measure(size: Size) -> list[Figure]:
    """Let one process write and another listen, with ours and with redis-py in turn."""
    session = uuid4().hex * 2
    with hot_redis() as server, ExitStack() as stack:
        environ = server.patient("redis")
        pairs = {}
        for name, module in KINDS.items():
            given = [{"session": session}]
            (hears,) = stack.enter_context(clients(f"{module}.Hears", given, environ))
            (tells,) = stack.enter_context(clients(f"{module}.Tells", given, environ))
            pairs[name] = (hears, tells)
        samples = in_turns(
            {name: partial(told, *pair, calls=size.turns) for name, pair in pairs.items()},
            size.rounds,
        )
    ours, raw = paired(samples, "ours", "raw")
    every = [sample for found in samples["ours"] for sample in found]
    note = f"between two processes, p99 {percentile(every, 0.99):.3f} ms"
    limit_is = "redis-py PUBLISH to get_message"
    return [at_most("session state write to subscriber p50", ours, "ms", BAR, raw, limit_is, note)]


def told(hears: Client, tells: Client, calls: int) -> list[float]:
    hears.begin(calls=calls)
    tells.begin(calls=calls, pause=PAUSE_SECONDS)
    tells.result()
    found: list[float] = hears.result()
    return found
