"""How long a turn can wait for a lane that is being settled: from the settling's first lock to its commit."""

from django.test.utils import override_settings

from bench.figures.claim_backlog import ENTRY
from bench.harness.load import due_lanes
from bench.harness.measure import percentile, timed
from bench.harness.private import empty_tables, unhurried
from bench.harness.result import Figure, at_most
from bench.harness.sizes import Size
from bench.harness.watched import timed_calls
from outbox.destinations import destination
from outbox.relay import relay

BAR = 5
COMMITS = 300
TOUCH = "UPDATE outbox_lane SET due_at = due_at WHERE id = (SELECT min(id) FROM outbox_lane)"


@override_settings(OUTBOX_DESTINATIONS={"null": ENTRY})
def measure(size: Size) -> list[Figure]:
    """Drain full batches into the null sink and time each settling as a whole, which is the longest wait there is."""
    empty_tables()
    due_lanes("null", size.lanes)
    with timed_calls("settle") as calls:
        relay(destination("null"), budget=3600, poll=0, until_empty=True)
    with unhurried() as cursor:
        commits = [timed(lambda: cursor.execute(TOUCH)) * 1000 for _ in range(COMMITS)]
    waits = [took for _, took in calls]
    return [
        at_most(
            f"longest wait for a lane being settled, {name}", percentile(waits, share), "ms", BAR,
            percentile(commits, share), "one row updated and committed",
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]  # fmt: skip
