"""What a claim costs while somebody's old snapshot keeps vacuum from removing the traces of settled lanes."""

import threading
import time

from django.test.utils import override_settings

from bench.figures.claim_backlog import BAR, ENTRY
from bench.harness.clients import clients
from bench.harness.measure import percentile
from bench.harness.private import empty_tables, unhurried
from bench.harness.result import BenchError, Figure, at_most
from bench.harness.sizes import Size
from bench.harness.watched import timed_calls
from outbox.destinations import destination
from outbox.relay import relay

RATE = 300  # turns a second, three times what commit to off-box is measured at
POLL_SECONDS = 0.03
CHATS = 500


class Chatter:
    """Enqueues events at a steady rate into the lanes of a few hundred conversations."""

    def __init__(self) -> None:
        self._sent = 0

    def __call__(self, *, seconds: float) -> int:
        """Return how many events were enqueued."""
        began = time.monotonic()
        with unhurried() as cursor:
            while (elapsed := time.monotonic() - began) < seconds:
                if self._sent > elapsed * RATE:
                    time.sleep(self._sent / RATE - elapsed)
                self._sent += 1
                key, seq = f"chat {self._sent % CHATS}", self._sent // CHATS + 1
                cursor.execute(
                    "SELECT outbox_enqueue(gen_random_uuid(), 'bench', 1, %s, %s, NULL, '{}', '{}', ARRAY['behind'])",
                    [key, seq],
                )
        return self._sent


@override_settings(OUTBOX_DESTINATIONS={"behind": ENTRY})
def measure(size: Size) -> list[Figure]:
    """Relay a steady load; for the first sixth of the time nothing is pinned, then a snapshot is until the end."""
    empty_tables()
    free_seconds = size.pinned_seconds / 6
    seconds = free_seconds + size.pinned_seconds
    with clients(f"{__name__}.Chatter", [{}]) as (chatter,), timed_calls("claim") as calls:
        chatter.begin(seconds=seconds)
        began = time.perf_counter()
        pin = threading.Thread(target=hold_snapshot, args=(free_seconds, size.pinned_seconds))
        pin.start()
        done = relay(destination("behind"), budget=seconds + 1, poll=POLL_SECONDS)
        pin.join()
        sent = chatter.result()
    if done.delivered != sent:
        raise BenchError(f"{sent} events were enqueued and {done.delivered} delivered.")
    free = [took for at, took in calls if at - began < free_seconds]
    last = [took for at, took in calls if seconds - size.pinned_seconds / 4 < at - began < seconds]
    return [
        at_most(
            f"claim {name} after {size.pinned_seconds:g} s of a pinned snapshot", percentile(last, share), "ms", BAR,
            percentile(free, share), "the same before the snapshot", f"{RATE} turns/s, {CHATS} conversations",
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]  # fmt: skip


def hold_snapshot(after: float, seconds: float) -> None:
    """Begin a transaction that sees the database as it is then, and keep it open."""
    time.sleep(after)
    with unhurried() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT count(*) FROM outbox_lane")
        time.sleep(seconds)
        cursor.execute("COMMIT")
