"""From commit to off-box with the real worker and beat, at a hundred turns a second."""

import tempfile
from pathlib import Path

from bench.figures.post_turns import answered
from bench.harness.flushed import write_flushed
from bench.harness.load import count
from bench.harness.measure import percentile
from bench.harness.private import unhurried
from bench.harness.result import BenchError, Figure, at_most
from bench.harness.running import stack_under_load, wait_until_relayed
from bench.harness.sizes import Size

RATE = 100
P50_BAR = 100
P99_BAR = 1000
FLUSHED_FILES = 200
LAST_DELIVERY = "SELECT coalesce(max(id), 0) FROM outbox_delivery"
# Both by the database's clock: from the turn's transaction to when the outbox wrote down that the copy is flushed.
LAGS = """
SELECT 1000 * extract(epoch FROM delivery.settled_at - event.created_at)::float8
FROM outbox_delivery AS delivery JOIN outbox_event AS event USING (event_id)
WHERE delivery.status = 'delivered' AND delivery.id > %s
"""


def measure(size: Size) -> list[Figure]:
    """Post at a steady rate and read every delivery's times; flush plain files before and after."""
    with stack_under_load() as (client, directory):
        before = flushed_file(directory)
        last = count(LAST_DELIVERY)
        client.begin(seconds=size.load_seconds, rate=RATE)
        posted = answered(client.result())
        wait_until_relayed()
        after = flushed_file(directory)
        with unhurried() as cursor:
            cursor.execute(LAGS, [last])
            lags = [lag for (lag,) in cursor.fetchall()]
    if len(lags) != len(posted.latencies):
        raise BenchError(f"{len(posted.latencies)} turns were acknowledged and {len(lags)} came off-box.")
    limit, limit_is = min(before, after), "a file flushed with its directory"
    note = f"{RATE} turns/s"
    return [
        at_most("commit to off-box p50", percentile(lags, 0.5), "ms", P50_BAR, limit, limit_is, note),
        at_most("commit to off-box p99", percentile(lags, 0.99), "ms", P99_BAR, limit, limit_is, note),
    ]


def flushed_file(directory: Path) -> float:
    """Return the milliseconds that one file takes."""
    with tempfile.TemporaryDirectory(dir=directory) as name:
        return 1000 / write_flushed(Path(name) / "flushed", FLUSHED_FILES)
