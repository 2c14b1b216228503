"""What session state in Redis adds to a turn, beside the same turn with Redis switched off in the settings."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from bench.figures.post_turns import answered
from bench.harness.clients import Client, clients, together
from bench.harness.hot import HotRedis, hot_redis
from bench.harness.load import some_history
from bench.harness.measure import Samples, in_turns, paired
from bench.harness.private import empty_tables
from bench.harness.result import BenchError, Figure, near_limit
from bench.harness.sizes import Size
from bench.harness.web import web_under_load

OF_OFF = 1.10
WORK = "bench.contenders.turns_with_state.Turns"
CONNECTIONS = 4
# What "off" means: state in the process alone, which costs nothing, and in Postgres, which costs a statement more.
OFF = {"memory": "state in the process's memory", "postgres": "state in Postgres"}
ROUNDS = 6


def measure(size: Size) -> list[Figure]:
    """Record turns in one process and in four, then post them to gunicorn, with each backend in turn."""
    with hot_redis() as server:
        by_call = [figure for count in (1, 4) for figure in in_process(server, size, count)]
        return [*by_call, *over_http(server, size)]


def in_process(server: HotRedis, size: Size, count: int) -> list[Figure]:
    empty_tables()
    some_history()
    with ExitStack() as stack:
        contenders: dict[str, Callable[[], list[float]]] = {}
        for name in ("redis", *OFF):
            group = stack.enter_context(clients(WORK, [{}] * count, server.environ(name)))
            contenders[name] = partial(together, group, turns=size.turns)
        samples = in_turns(contenders, size.rounds)
    return beside_off(f"turn through the gate with Redis p50, {count} client{'s' * (count > 1)}", samples)


def over_http(server: HotRedis, size: Size) -> list[Figure]:
    empty_tables()
    some_history()
    share, before = size.load_seconds / ROUNDS, server.keys()
    with ExitStack() as stack:
        contenders: dict[str, Callable[[], list[float]]] = {}
        for name in ("redis", *OFF):
            web = web_under_load(name, server.environ(name), connections=CONNECTIONS)
            contenders[name] = partial(posted, stack.enter_context(web), share)
        samples = in_turns(contenders, min(size.rounds, ROUNDS))
    if server.keys() == before:
        raise BenchError("Turns were posted, and none of them left its session's state in Redis.")
    return beside_off(f"POST /turns with Redis p50, {CONNECTIONS} clients", samples)


def posted(client: Client, seconds: float) -> list[float]:
    client.begin(seconds=seconds)
    return answered(client.result()).latencies


def beside_off(name: str, samples: Samples) -> list[Figure]:
    found = []
    for off, limit_is in OFF.items():
        ours, limit = paired(samples, "redis", off)
        found.append(near_limit(name, ours, "ms", OF_OFF, limit, limit_is))
    return found
