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
    """What one claim brought."""

    lanes: int
    delivered: int
    errors: int
    fenced: int


def relay_once(destination: Destination, tally: Tally, *, window: float = EVER) -> Relayed:
    """Claim some lanes, carry their deliveries, settle them in short transactions. Returns what was done."""
    claimed_at = time.monotonic()
    lanes = claim(destination, window=window)
    if not lanes:
        return Relayed(0, 0, 0, 0)
    outcomes = act(destination, lanes, claimed_at=claimed_at)
    in_hand = time.monotonic() - claimed_at
    delivered = errors = fenced = 0
    for start in range(0, len(lanes), SETTLE_LANES):
        settled = settle(destination, lanes[start : start + SETTLE_LANES], outcomes)
        for delivery in settled.delivered:
            tally.delivered(delivery.age + in_hand)
        for code in settled.errors:
            tally.add(f"error:{code}")
        tally.add("fenced", settled.fenced)
        delivered += len(settled.delivered)
        errors += len(settled.errors)
        fenced += settled.fenced
    return Relayed(len(lanes), delivered, errors, fenced)


class Window:
    """How far back a claim has to look: not behind the last one that left nothing, except once in a while.

    What comes due later than a claim that took all there was has a later due time, but for transactions that were open
    meanwhile; those are given a margin, and a scan of everything now and then finds whatever took longer.
    """

    def __init__(self) -> None:
        self._emptied_at: float | None = None
        self._scanned_at = 0.0

    def seconds(self, now: float) -> float:
        if self._emptied_at is None or now - self._scanned_at >= FULL_SCAN_SECONDS:
            self._scanned_at = now
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

    With ``until_empty``, stop at the first claim that finds nothing. Returns the sums. Expired leases are rescued at the start and every few seconds, so that recovery needs no beat.
    """
    tally, window = Tally(destination.name), Window()
    lanes = delivered = errors = fenced = 0
    began = time.monotonic()
    flushed_at = began
    rescued_at = began - RESCUE_SECONDS
    while not stopped() and (now := time.monotonic()) - began < budget:
        if now - rescued_at >= RESCUE_SECONDS:
            rescued_at = now
            rescue(destination)
        done = relay_once(destination, tally, window=window.seconds(now))
        window.claimed(now, everything=done.lanes < destination.lanes_per_claim)
        lanes, delivered = lanes + done.lanes, delivered + done.delivered
        errors, fenced = errors + done.errors, fenced + done.fenced
        if now - flushed_at >= FLUSH_SECONDS:
            flushed_at = now
            tally.flush()
        if not done.lanes:
            if until_empty:
                break
            time.sleep(poll)
    tally.flush()
    return Relayed(lanes, delivered, errors, fenced)
