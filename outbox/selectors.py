"""Reads: how the outbox stands, by destination. Everything comes from Postgres, so it is true with no broker at all."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from outbox.destinations import destinations
from outbox.upkeep import asleep_with_pending

# A skip scan: one look into the unique index per destination, however many lanes there are.
IN_USE = """
WITH RECURSIVE found (destination) AS (
    (SELECT destination FROM outbox_lane ORDER BY destination LIMIT 1)
    UNION ALL
    SELECT (SELECT lane.destination FROM outbox_lane AS lane WHERE lane.destination > found.destination
            ORDER BY lane.destination LIMIT 1)
    FROM found WHERE found.destination IS NOT NULL
)
SELECT destination FROM found WHERE destination IS NOT NULL
"""

# Stuck and leased rows have small indexes of their own; pending is counted through its partial index.
LANES = """
SELECT destination, count(*) FILTER (WHERE leased_until IS NOT NULL) AS leased,
       count(*) FILTER (WHERE parked_reason <> '') AS parked_lanes
FROM outbox_lane WHERE leased_until IS NOT NULL OR parked_reason <> '' GROUP BY destination
"""
OPEN = """
SELECT lane.destination, count(*) FILTER (WHERE delivery.status = 'pending'),
       count(*) FILTER (WHERE delivery.status = 'dead'), count(*) FILTER (WHERE delivery.status = 'parked'),
       count(*) FILTER (WHERE delivery.status = 'pending' AND delivery.attempts > 0),
       greatest(0, coalesce(extract(epoch FROM clock_timestamp() - min(event.created_at)
           FILTER (WHERE delivery.status = 'pending')), 0))::float8
FROM outbox_delivery AS delivery JOIN outbox_lane AS lane ON lane.id = delivery.lane_id
JOIN outbox_event AS event ON event.event_id = delivery.event_id
WHERE delivery.status IN ('pending', 'dead', 'parked') GROUP BY lane.destination
"""
COUNTERS = "SELECT destination, name, value FROM outbox_counter"
STATES = """
SELECT destination, parked_reason, last_error_code, coalesce(open_until > clock_timestamp(), false)
FROM outbox_destination_state
"""
# One look into the index of due lanes for each name; a parked or resting destination is left alone.
DUE = """
SELECT given.name FROM unnest(%(names)s::text[]) AS given (name)
WHERE EXISTS (SELECT FROM outbox_lane WHERE destination = given.name AND due_at < 'infinity'
              AND due_at <= clock_timestamp() AND leased_until IS NULL)
  AND NOT EXISTS (SELECT FROM outbox_destination_state AS state WHERE state.destination = given.name
                  AND (state.parked_reason <> '' OR state.open_until > clock_timestamp()))
ORDER BY given.name
"""


def due(names: Sequence[str]) -> list[str]:
    """Return which of these destinations have a lane that could be claimed now."""
    if not names:
        return []
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"names": list(names)})
        return [name for (name,) in cursor.fetchall()]


def status() -> dict[str, dict[str, Any]]:
    """Return by destination: pending, leased, delivered, dead, parked, retrying, oldest_due_seconds, and the counters.

    ``parked`` counts deliveries that wait for an operator and ``parked_lanes`` the lanes that do; ``delivered`` counts
    since the beginning; ``state`` is ``ok``, ``resting`` (its breaker is open) or ``parked``.
    """
    found = {name: _blank() for name in destinations()}
    with connection.cursor() as cursor:
        cursor.execute(LANES)
        for name, leased, parked_lanes in cursor.fetchall():
            found.setdefault(name, _blank()).update(leased=leased, parked_lanes=parked_lanes)
        cursor.execute(OPEN)
        for name, pending, dead, parked, retrying, oldest in cursor.fetchall():
            found.setdefault(name, _blank()).update(
                pending=pending,
                dead=dead,
                parked=parked,
                retrying=retrying,
                oldest_due_seconds=round(oldest, 3),
            )
        cursor.execute(STATES)
        for name, parked_reason, code, resting in cursor.fetchall():
            state = f"parked: {parked_reason}" if parked_reason else f"resting: {code}" if resting else "ok"
            found.setdefault(name, _blank())["state"] = state
    for name, counts in counters().items():
        known = {key: int(counts.get(key, 0)) for key in ("delivered", "fenced", "rescued")}
        found.setdefault(name, _blank()).update(known)
    for name, count in asleep_with_pending().items():
        found.setdefault(name, _blank())["asleep_with_pending"] = count
    return found


def counters() -> dict[str, dict[str, float]]:
    """Return the figures that only grow, by destination and name."""
    found: dict[str, dict[str, float]] = {}
    with connection.cursor() as cursor:
        cursor.execute(COUNTERS)
        for destination, name, value in cursor.fetchall():
            found.setdefault(destination, {})[name] = value
    return found


def _blank() -> dict[str, Any]:
    figures = (
        "pending",
        "leased",
        "delivered",
        "dead",
        "parked",
        "parked_lanes",
        "retrying",
        "fenced",
        "rescued",
    )
    return dict.fromkeys(figures, 0) | {"asleep_with_pending": 0, "oldest_due_seconds": 0.0, "state": "ok"}
