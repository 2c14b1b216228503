"""What a claim costs behind a backlog: many lanes whose head is dead, each with more behind it, then many that wait."""

from django.test.utils import override_settings

from bench.figures.drain_null import NullHandler
from bench.harness.load import due_lanes
from bench.harness.measure import percentile
from bench.harness.private import empty_tables, settle_down, unhurried
from bench.harness.result import Figure, at_most
from bench.harness.sizes import Size
from bench.harness.watched import timed_calls
from outbox.destinations import destination
from outbox.relay import relay_once
from outbox.tally import Tally

BAR = 10
LANES_PER_CLAIM = 64
ENTRY = {
    "handler": f"{NullHandler.__module__}.{NullHandler.__name__}",
    "events": ["bench"],
    "queue": "maintenance",
    # As the archive is configured.
    "lanes_per_claim": LANES_PER_CLAIM,
    "deliveries_per_lane": 50,
}
# One after the other: the dead lanes came first and are the oldest.
KILL_HEADS = """
WITH killed AS (
    UPDATE outbox_delivery
    SET status = 'dead', attempts = 11, last_error_code = 'poison', settled_at = clock_timestamp()
    WHERE lane_id IN (SELECT id FROM outbox_lane WHERE destination = 'behind')
    RETURNING lane_id
)
UPDATE outbox_lane SET due_at = 'infinity', parked_reason = 'dead: poison' WHERE id IN (SELECT lane_id FROM killed)
"""


@override_settings(OUTBOX_DESTINATIONS={"behind": ENTRY, "clear": ENTRY})
def measure(size: Size) -> list[Figure]:
    """Claim behind the dead head, and for a destination with nothing in front, in turn."""
    empty_tables()
    due_lanes("behind", size.dead_head, kind="dead ")
    with unhurried() as cursor:
        cursor.execute(KILL_HEADS)
    due_lanes("behind", size.dead_head, kind="dead ")  # one more for each of the dead lanes, which must wait
    due_lanes("behind", size.pending)
    due_lanes("clear", size.claims * LANES_PER_CLAIM)
    with unhurried() as cursor:
        settle_down(cursor)
    behind: list[float] = []
    clear: list[float] = []
    tally = Tally("behind")
    for name, found in [("behind", behind), ("clear", clear)] * size.claims:
        with timed_calls("claim") as calls:
            relay_once(destination(name), tally)
        found += [milliseconds for _, milliseconds in calls]
    what = f"{size.pending:,} pending behind {size.dead_head:,} dead"
    limit_is = "the same claim with nothing in front"
    lanes = f"{LANES_PER_CLAIM} lanes a claim"
    return [
        at_most(
            f"claim {name}, {what}",
            percentile(behind, share),
            "ms",
            BAR,
            percentile(clear, share),
            limit_is,
            lanes,
        )
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]
