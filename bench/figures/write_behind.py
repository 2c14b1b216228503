"""Session state that Redis acknowledges and Postgres gets behind it: the rate at each end, on the same cores."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class with a small name

from bench.contenders.shape import CHANNEL, DOMAIN
from bench.contenders.state_shape import sessions, state_data
from bench.harness.clients import Client, clients, together
from bench.harness.hot import hot_redis
from bench.harness.load import count
from bench.harness.measure import timed
from bench.harness.private import empty_tables, settle_down, unhurried
from bench.harness.result import BenchError, Figure, at_least
from bench.harness.sizes import Size

ACKNOWLEDGED_BAR = 3_000
APPLIED_BAR = 1_500
WRITERS = 4
ROUNDS = 4
LOAD = "bench.contenders.state_load"
BATCH = 500
BATCHES = 20
KEPT = "SELECT count(*) FROM persistence_session_state"
ROWS = """
INSERT INTO persistence_session_state (session_hash, domain, channel, state, version, previous, redaction_version,
    data, cleared, unhealed, updated_at, expires_at)
SELECT decode(session, 'hex'), %s, %s, 'active', 1, 0, 1, %s::jsonb, false, false, now(), now() + interval '45 minutes'
FROM unnest(%s::text[]) AS session
"""


@dataclass(frozen=True, slots=True)
class Round:
    """Rates a second; ``elsewhere`` counts the writes that Postgres had to take itself, because Redis was late."""

    acknowledged: float
    applied: float
    elsewhere: int
    raw: float


def measure(size: Size) -> list[Figure]:
    """Let four processes write, with the applier beside them, then redis-py alone; at the end, fill bare rows in."""
    share = size.load_seconds / ROUNDS
    with hot_redis() as server, ExitStack() as stack:
        environ = server.environ("redis-first")
        writers = stack.enter_context(clients(f"{LOAD}.Writes", [{}] * WRITERS, environ))
        (applier,) = stack.enter_context(clients(f"{LOAD}.Applies", [{}], environ))
        raws = stack.enter_context(clients(f"{LOAD}.RawWrites", [{}] * WRITERS, environ))
        rounds = [one_round(writers, applier, raws, share) for _ in range(min(size.rounds, ROUNDS) + 1)][
            1:
        ]  # the first warms up
    elsewhere = sum(found.elsewhere for found in rounds)
    note = "Redis-first, applied at the same time" + (f", {elsewhere} kept in Postgres" if elsewhere else "")
    return [
        at_least(
            f"session state writes acknowledged, {WRITERS} clients",
            median(found.acknowledged for found in rounds), "/s", ACKNOWLEDGED_BAR,
            median(found.raw for found in rounds), "redis-py EVALSHA: set, publish, append", note,
        ),
        at_least(
            "session state writes applied to Postgres", median(found.applied for found in rounds), "/s", APPLIED_BAR,
            bare_rows(), f"bare rows, {BATCH} a commit", "each of another session, while they are written",
        ),
    ]  # fmt: skip


def one_round(writers: list[Client], applier: Client, raws: list[Client], seconds: float) -> Round:
    """Return the rates; the applier's is over the whole time until the last write is in Postgres."""
    empty_tables()
    for client in (*writers, applier):
        client.begin(seconds=seconds)
    counts = [found for client in writers for found in client.result()]
    written, elsewhere = (sum(column) for column in zip(*counts, strict=True))
    applied, took = applier.result()
    # A write that was answered too late may have been carried out, and is kept elsewhere as well.
    if not written <= applied <= written + elsewhere:
        raise BenchError(f"{written} writes were acknowledged and {applied} applied.")
    if not count(KEPT):
        raise BenchError("Writes are said to be applied, and no row is in Postgres.")
    raw = sum(together(raws, seconds=seconds)) / seconds
    return Round(written / seconds, applied / took, elsewhere, raw)


def bare_rows() -> float:
    """Return the rows a second that one client writes into the same table when nothing else runs."""
    empty_tables()
    text = json.dumps(state_data())
    with unhurried() as cursor:
        settle_down(cursor)
        batches = [sessions(BATCH) for _ in range(BATCHES)]
        return BATCHES * BATCH / timed(lambda: fill(cursor, text, batches))


def fill(cursor: Cursor, text: str, batches: list[list[str]]) -> None:
    for batch in batches:
        cursor.execute(ROWS, [DOMAIN, CHANNEL, text, batch])
