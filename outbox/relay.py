"""Relay: claim, act, settle, again. The Celery task and ``manage.py outbox relay`` both run exactly this."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from outbox.act import act
from outbox.claim import EVER, claim
from outbox.destinations import Destination
from outbox.settle import settle
from outbox.tally import Tally
from outbox.upkeep import rescue

SETTLE_LANES = 50  # a turn waits for at most one such transaction when it wants a lane that is being settled
FULL_SCAN_SECONDS = 15.0
LATE_COMMIT_SECONDS = 5.0
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


def relay_once(destination: Destination, tally: Tally, *, window: float = EVER) -> Relayed:
    """Claim some lanes, carry their deliveries, settle them in short transactions. Returns what was done."""
    claimed_at = time.monotonic()
    lanes = claim(destination, window=window)
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


class Every:
    """Says yes the first time, and then at most once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: float | None = None

    def __call__(self, now: float) -> bool:
        if self._last is not None and now - self._last < self._seconds:
            return False
        self._last = now
        return True


class Window:
    """How far back a claim has to look: not behind the last one that left nothing, except once in a while.

    What comes due later than a claim that took all there was has a later due time, but for transactions that were open
    meanwhile; those are given a margin, and a scan of everything now and then finds whatever took longer.
    """

    def __init__(self) -> None:
        self._emptied_at: float | None = None
        self._scan_is_due = Every(FULL_SCAN_SECONDS)

    def seconds(self, now: float) -> float:
        if self._emptied_at is None or self._scan_is_due(now):
            return EVER
        return now - self._emptied_at + LATE_COMMIT_SECONDS

    def claimed(self, began: float, *, everything: bool) -> None:
        if everything:
            self._emptied_at = began


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
        found = relay_once(destination, tally, window=window.seconds(now))
        window.claimed(now, everything=found.lanes < destination.lanes_per_claim)
        done += found
        if flush_is_due(now):
            tally.flush()
        if not found.lanes:
            if until_empty:
                break
            time.sleep(poll)
    tally.flush()
    return done
