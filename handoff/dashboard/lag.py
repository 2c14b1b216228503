"""Whether what was promised also leaves the house: how far behind each destination is, and what gave up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection

MOST_STUCK = 10_000
# Each is one look into a partial index.
BEHIND = """
SELECT one.name,
       (SELECT greatest(0, extract(epoch FROM clock_timestamp() - lane.due_at))::float8 FROM outbox_lane AS lane
        WHERE lane.destination = one.name AND lane.due_at < 'infinity' ORDER BY lane.due_at LIMIT 1),
       coalesce(state.parked_reason, ''), coalesce(state.open_until > clock_timestamp(), false)
FROM unnest(%(names)s::text[]) AS one (name)
LEFT JOIN outbox_destination_state AS state ON state.destination = one.name
"""
STUCK = """
SELECT lane.destination, count(*) FILTER (WHERE stuck.status = 'dead'),
       count(*) FILTER (WHERE stuck.status = 'parked')
FROM (SELECT lane_id, status FROM outbox_delivery WHERE status IN ('dead', 'parked') LIMIT %(most)s) AS stuck
JOIN outbox_lane AS lane ON lane.id = stuck.lane_id
WHERE lane.destination = ANY (%(names)s) GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Behind:
    """One destination. ``lag``: how long the conversation that waits longest has been due."""

    name: str
    lag: timedelta
    dead: int
    parked: int
    state: str  # ok, resting, parked


@dataclass(frozen=True, slots=True)
class Lag:
    """All destinations that the user may see: first where most gave up, then the one furthest behind."""

    destinations: list[Behind]

    @property
    def worst(self) -> timedelta:
        return max((one.lag for one in self.destinations), default=timedelta(0))

    @property
    def dead(self) -> int:
        return sum(one.dead for one in self.destinations)

    @property
    def parked(self) -> int:
        return sum(one.parked for one in self.destinations)


def lag(names: Sequence[str]) -> Lag:
    """Look at these destinations. Two statements."""
    given: dict[str, Any] = {"names": list(names), "most": MOST_STUCK}
    with connection.cursor() as cursor:
        cursor.execute(STUCK, given)
        stuck = {name: (dead, parked) for name, dead, parked in cursor.fetchall()}
        cursor.execute(BEHIND, given)
        found = [
            Behind(
                name,
                timedelta(seconds=seconds or 0),
                *stuck.get(name, (0, 0)),
                "parked" if parked_reason else "resting" if resting else "ok",
            )
            for name, seconds, parked_reason, resting in cursor.fetchall()
        ]
    return Lag(sorted(found, key=lambda one: (-(one.dead + one.parked), -one.lag, one.name)))
