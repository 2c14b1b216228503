"""The relay alone: a destination that takes everything at once, one delivery in each lane."""

import time
from collections.abc import Sequence
from statistics import median

from django.test.utils import override_settings
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class with a small name

from bench.harness.drain import drain_rate
from bench.harness.load import due_lanes
from bench.harness.private import empty_tables, settle_down, unhurried
from bench.harness.result import Figure, at_least
from bench.harness.sizes import Size
from outbox.destinations import Destination, MaySend
from outbox.outcomes import ClaimedDelivery, Delivered, Outcome

BAR = 10_000
BATCH = 500
ROUNDS = 5
NULL = {
    "null": {
        "handler": "bench.figures.drain_null.NullHandler",
        "events": ["bench"],
        "queue": "maintenance",
        "lanes_per_claim": BATCH,
        "deliveries_per_lane": 10,
    }
}
QUEUE = """
CREATE TABLE bench_queue (id bigserial PRIMARY KEY, taken boolean NOT NULL DEFAULT false);
CREATE INDEX ON bench_queue (id) WHERE NOT taken;
"""
FILL = "INSERT INTO bench_queue (taken) SELECT false FROM generate_series(1, %s)"
TAKE = """
WITH due AS MATERIALIZED (
    SELECT id FROM bench_queue WHERE NOT taken ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE bench_queue SET taken = true WHERE id = ANY (ARRAY(SELECT id FROM due)) RETURNING id
"""
FINISH = "DELETE FROM bench_queue WHERE id = ANY (%s)"


class NullHandler:
    """Delivers everything, nowhere."""

    def __init__(self, _destination: Destination) -> None:
        pass

    def deliver(self, lanes: Sequence[Sequence[ClaimedDelivery]], may_send: MaySend) -> dict[int, Outcome]:
        """Return Delivered for each."""
        done = Delivered()
        return {delivery.id: done for lane in lanes for delivery in lane}


@override_settings(OUTBOX_DESTINATIONS=NULL)
def measure(size: Size) -> list[Figure]:
    """Drain lanes with the relay, then as many rows of a bare queue table with two statements, in turn."""
    relayed, bare = [], []
    with unhurried() as cursor:
        cursor.execute(QUEUE)
        for _ in range(min(size.rounds, ROUNDS)):
            empty_tables()
            due_lanes("null", size.lanes)
            settle_down(cursor)
            relayed.append(drain_rate("null", size.lanes))
            bare.append(bare_rate(cursor, size.lanes))
        cursor.execute("DROP TABLE bench_queue")
    return [
        at_least(
            "relay drain to a null sink", median(relayed), "/s", BAR, median(bare),
            "a bare queue table: claim, commit, delete, commit", f"1 delivery a lane, {BATCH} lanes a claim",
        )
    ]  # fmt: skip


def bare_rate(cursor: Cursor, rows: int) -> float:
    """Return the rows a second that one client claims and deletes, a commit after each."""
    cursor.execute(FILL, [rows])
    cursor.execute("ANALYZE bench_queue")
    began = time.perf_counter()
    while True:
        cursor.execute(TAKE, [BATCH])
        taken = [row_id for (row_id,) in cursor.fetchall()]
        if not taken:
            return rows / (time.perf_counter() - began)
        cursor.execute(FINISH, [taken])
