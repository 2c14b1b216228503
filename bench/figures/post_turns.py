"""``POST /turns`` with everything on the same cores: web, workers relaying to the file sink, Postgres, the client."""

from statistics import median

from bench.harness.http_load import Answers
from bench.harness.measure import percentile
from bench.harness.result import BenchError, Figure, at_least, at_most
from bench.harness.running import CLIENTS, stack_under_load, wait_until_relayed
from bench.harness.sizes import Size

RATE_BAR = 500
P99_BAR = 100
ROUNDS = 4
WARM_UP_SECONDS = 2.0


def measure(size: Size) -> list[Figure]:
    """Post turns, then get /healthz, which does nothing behind the same door, in turn."""
    posted: list[Answers] = []
    plain: list[Answers] = []
    share = size.load_seconds / ROUNDS
    with stack_under_load() as (client, _):
        client.begin(seconds=min(WARM_UP_SECONDS, share))
        client.result()
        for _ in range(ROUNDS):
            client.begin(seconds=share)
            posted.append(answered(client.result()))
            wait_until_relayed()
            client.begin(seconds=share / 2, path="/healthz")
            plain.append(answered(client.result()))
    limit_is = "GET /healthz through the same door"
    return [
        at_least(
            f"POST /turns, {CLIENTS} clients", median(found.rate for found in posted), "/s", RATE_BAR,
            median(found.rate for found in plain), limit_is,
        ),
        at_most(
            f"POST /turns p99, {CLIENTS} clients", median(percentile(found.latencies, 0.99) for found in posted), "ms",
            P99_BAR, median(percentile(found.latencies, 0.99) for found in plain), limit_is,
        ),
    ]  # fmt: skip


def answered(found: Answers) -> Answers:
    """Raise BenchError where anything but a success came back."""
    if found.refused:
        raise BenchError(
            f"{found.refused} of {len(found.latencies)} requests were not answered with success."
        )
    return found
