"""Turns while the Redis of hot state is frozen: what callers notice, and how many turns wait for it at all."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings

from bench.contenders.turns_with_state import Timed
from bench.figures.post_turns import answered
from bench.harness.clients import Client, clients
from bench.harness.hot import HotRedis, hot_redis
from bench.harness.load import some_history
from bench.harness.measure import percentile
from bench.harness.private import empty_tables
from bench.harness.result import Figure, at_most, near_limit
from bench.harness.sizes import Size
from bench.harness.web import web_under_load

OF_HEALTHY = 1.2
MAX_MS = 60
RATE = 100
CONNECTIONS = 16
PROCESSES = 2
THREADS = 4
SLOW_MS = 25  # half of what a turn may lose
HEALED_SECONDS = 1.0  # beside the breaker's rest
PACED = "bench.contenders.turns_with_state.PacedTurns"
T = TypeVar("T")


def measure(size: Size) -> list[Figure]:
    """Post turns at a steady pace while Redis is well, frozen, and well again; then look into two processes."""
    empty_tables()
    some_history()
    with hot_redis() as server:
        return [*noticed(server, size), slow_turns(server, size)]


def noticed(server: HotRedis, size: Size) -> list[Figure]:
    with web_under_load("frozen", server.environ("redis"), connections=CONNECTIONS) as client:
        healthy, frozen = phases(server, lambda seconds: posted(client, seconds), size.pinned_seconds)
    limit_is, note = "the same with Redis well", f"{RATE} turns/s, {size.pinned_seconds:g} s"
    well, worst = percentile(healthy, 0.99), max(healthy)
    return [
        near_limit(
            "POST /turns p99, Redis frozen", percentile(frozen, 0.99), "ms", OF_HEALTHY, well, limit_is, note
        ),
        at_most(
            "POST /turns longest, Redis frozen", max(frozen), "ms", round(worst + MAX_MS, 1), worst, limit_is, note
        ),
    ]  # fmt: skip


def slow_turns(server: HotRedis, size: Size) -> Figure:
    given = [{"threads": THREADS, "rate": RATE / PROCESSES}] * PROCESSES
    with clients(PACED, given, server.environ("redis")) as group:
        _, frozen = phases(server, lambda seconds: [paced(group, seconds)], size.pinned_seconds)
    rest = settings.HOT_REDIS_REST_SECONDS
    (by_process,) = frozen
    most = max(most_within(rest, slow(timed)) for timed in by_process)
    note = f"{sum(len(slow(timed)) for timed in by_process)} in all, of {sum(map(len, by_process))} turns"
    return at_most(
        f"turns that lose > {SLOW_MS} ms, Redis frozen", most, "turns", 1, 1, "whoever finds it out",
        f"most per process in {rest:g} s; {note}",
    )  # fmt: skip


def phases(server: HotRedis, run: Callable[[float], list[T]], seconds: float) -> tuple[list[T], list[T]]:
    """Return what ``run`` found with Redis well, half of it before and half of it after, and what with Redis frozen."""
    run(min(2.0, seconds))  # warm-up
    before = run(seconds / 2)
    with server.frozen():
        frozen = run(seconds)
    time.sleep(settings.HOT_REDIS_REST_SECONDS + HEALED_SECONDS)
    return before + run(seconds / 2), frozen


def posted(client: Client, seconds: float) -> list[float]:
    client.begin(seconds=seconds, rate=RATE)
    return answered(client.result()).latencies


def paced(group: list[Client], seconds: float) -> list[list[Timed]]:
    for client in group:
        client.begin(seconds=seconds)
    return [client.result() for client in group]


def slow(timed: list[Timed]) -> list[float]:
    """Return when the turns began that session state has held up."""
    return sorted(began for began, _, state_ms in timed if state_ms > SLOW_MS)


def most_within(seconds: float, times: list[float]) -> int:
    """Return the largest number of times that lie within so many seconds of each other."""
    return max((sum(0 <= other - first < seconds for other in times) for first in times), default=0)
