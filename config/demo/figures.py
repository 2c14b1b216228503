"""Figures of one run, read from Postgres."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from outbox.selectors import status

COMMITTED = "SELECT count(*) FROM persistence_turn WHERE starts_with(request_id, %s) AND domain = %s"
# From the turn's transaction to the moment at which the outbox wrote down that the copy is there, both by the
# database's clock.
LAG = """
SELECT count(*), 1000 * percentile_disc(0.5) WITHIN GROUP (ORDER BY lag), 1000 * percentile_disc(0.99)
    WITHIN GROUP (ORDER BY lag)
FROM (
    SELECT extract(epoch FROM delivery.settled_at - event.created_at)::float8 AS lag
    FROM outbox_delivery AS delivery JOIN outbox_event AS event ON event.event_id = delivery.event_id
    JOIN outbox_lane AS lane ON lane.id = delivery.lane_id
    WHERE lane.destination = 'archive' AND delivery.status = 'delivered'
      AND starts_with(event.headers ->> 'request_id', %s)
) AS delivered
"""
FIRST_TURN = """
SELECT conversation.public_id, turn.seq FROM persistence_turn AS turn
JOIN persistence_conversation AS conversation ON conversation.id = turn.conversation_id
WHERE starts_with(turn.request_id, %s) AND turn.domain = %s ORDER BY turn.request_id LIMIT 1
"""
ALL_TURNS = "SELECT count(*) FROM persistence_turn"


@dataclass(frozen=True, slots=True)
class Lag:
    """How long this run's deliveries took from commit to off-box, in milliseconds; None without any."""

    delivered: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the outbox holds, over all destinations and runs. ``asleep`` must never be anything but 0."""

    pending: int
    dead: int
    parked: int
    asleep: int

    @property
    def nothing(self) -> bool:
        """Say whether nothing at all waits."""
        return not (self.pending or self.dead or self.parked or self.asleep)


def waiting() -> Waiting:
    """Return what waits now."""
    found = status().values()

    def total(name: str) -> int:
        return sum(int(figures[name]) for figures in found)

    return Waiting(total("pending"), total("dead"), total("parked"), total("asleep_with_pending"))


def committed(run: str, domain: str) -> int:
    """Return how many turns of the demo are in Postgres, all phases together."""
    return int(_row(COMMITTED, f"replay:{run}-", domain)[0])


def lag(run: str) -> Lag:
    """Return how the turns of one replay's ``run`` came off-box."""
    count, p50, p99 = _row(LAG, f"replay:{run}:")
    return Lag(count, None if p50 is None else round(p50, 1), None if p99 is None else round(p99, 1))


def first_turn(run: str, domain: str) -> tuple[UUID, int] | None:
    """Return conversation id and seq of one turn of the demo."""
    found: tuple[UUID, int] | None = _row(FIRST_TURN, f"replay:{run}-", domain)
    return found


def all_turns() -> int:
    """Return how many turns there are."""
    return int(_row(ALL_TURNS)[0])


def _row(statement: str, *parameters: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()
