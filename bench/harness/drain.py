"""Emptying an outbox: how many deliveries a second one relay carries away."""

import time

from bench.harness.result import BenchError
from outbox.destinations import destination
from outbox.relay import relay


def drain_rate(name: str, expected: int) -> float:
    """Relay until nothing is due and return deliveries a second. Raises BenchError when they were not all delivered."""
    began = time.perf_counter()
    done = relay(destination(name), budget=3600, poll=0, until_empty=True)
    seconds = time.perf_counter() - began
    if done.delivered != expected:
        raise BenchError(
            f"{done.delivered} of {expected} deliveries to {name!r} arrived, {done.errors} failed."
        )
    return done.delivered / seconds
