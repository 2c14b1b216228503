"""Relay: claim, act, settle, again. The Celery task and ``manage.py outbox relay`` both run exactly this."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from outbox.act import act
from outbox.claim import claim
from outbox.destinations import Destination
from outbox.settle import settle
from outbox.tally import Tally
from outbox.upkeep import rescue
from outbox.window import Every, Window

SETTLE_LANES = 50  # a turn waits for at most one such transaction when it wants a lane that is being settled
FLUSH_SECONDS = 1.0
RESCUE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Relayed:
    """What was done: lanes claimed, deliveries that arrived, failures, and lanes that turned out to be fenced."""

    lanes: int = 0
    delivered: int = 0
    errors: int = 0
    fenced: int = 0

    def __add__(self, other: "Relayed") -> "Relayed":
        return Relayed(
            self.lanes + other.lanes,
            self.delivered + other.delivered,
            self.errors + other.errors,
            self.fenced + other.fenced,
        )


def relay_once(
    destination: Destination, tally: Tally, window: Window | None = None, *, suspect: bool = False
) -> Relayed:
    """Claim some lanes, carry their deliveries, settle them in short transactions. Returns what was done."""
    claimed_at = time.monotonic()
    lanes = claim(destination, window, suspect=suspect)
    if not lanes:
        return Relayed()
    outcomes = act(destination, lanes, claimed_at=claimed_at)
    in_hand = time.monotonic() - claimed_at
    done = Relayed(lanes=len(lanes))
    for start in range(0, len(lanes), SETTLE_LANES):
        settled = settle(destination, lanes[start : start + SETTLE_LANES], outcomes)
        for delivery in settled.delivered:
            tally.delivered(delivery.age + in_hand)
        for code in settled.errors:
            tally.add(f"error:{code}")
        tally.add("fenced", settled.fenced)
        done += Relayed(0, len(settled.delivered), len(settled.errors), settled.fenced)
    return done


def relay(
    destination: Destination,
    *,
    budget: float,
    poll: float,
    until_empty: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Relayed:
    """Relay for ``budget`` seconds, looking again every ``poll`` seconds while there is nothing to do.

    With ``until_empty``, stop at the first claim that finds nothing. Returns the sums. Expired leases are rescued at
    the start and every few seconds, so that recovery needs no beat.
    """
    tally, window, done = Tally(destination.name), Window(), Relayed()
    rescue_is_due, flush_is_due = Every(RESCUE_SECONDS), Every(FLUSH_SECONDS)
    began = time.monotonic()
    while not stopped() and (now := time.monotonic()) - began < budget:
        if rescue_is_due(now):
            rescue(destination)
            done += relay_suspects(destination, tally)
        found = relay_once(destination, tally, window)
        done += found
        if flush_is_due(now):
            tally.flush()
        if not found.lanes:
            if until_empty:
                break
            time.sleep(poll)
    tally.flush()
    return done


def relay_suspects(destination: Destination, tally: Tally) -> Relayed:
    """Carry the lanes that were rescued from dead workers, one claim each, so that poison is alone when it kills."""
    done = Relayed()
    while (found := relay_once(destination, tally, suspect=True)).lanes:
        done += found
    return done
