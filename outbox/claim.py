"""Claim: lease some due lanes of one destination, and read what waits in them.

The relay's first moment. It touches lanes only, so a backlog of a million deliveries costs it nothing, and takes free
lanes only: an expired lease is freed by ``upkeep.rescue``, which counts it where a crash cannot skip the counting.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from json import loads
from operator import attrgetter
from typing import Any

from django.db import connection, transaction

from outbox.destinations import Destination
from outbox.outcomes import ClaimedDelivery, ClaimedLane
from outbox.window import Window

ROOM = """
SELECT coalesce(state.failures, 0),
       coalesce(state.parked_reason, '') <> '' OR coalesce(state.open_until > clock_timestamp(), false)
FROM (SELECT) AS one LEFT JOIN outbox_destination_state AS state ON state.destination = %(destination)s
"""
IN_FLIGHT = (
    "SELECT count(*) FROM outbox_lane WHERE destination = %(destination)s AND leased_until IS NOT NULL"
)
LOCK_CLAIMS = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
# The array keeps the planner from joining, so it can neither claim more than the limit nor scan twice. `window` skips
# the index entries of lanes that were settled while an old snapshot keeps them from being vacuumed.
CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM outbox_lane
    WHERE destination = %(destination)s AND due_at < 'infinity' AND due_at <= clock_timestamp()
      AND due_at > clock_timestamp() - %(window)s * interval '1 second' AND leased_until IS NULL AND rescues = 0
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE outbox_lane SET token = token + 1, leased_until = clock_timestamp() + %(lease)s * interval '1 second'
WHERE id = ANY (ARRAY(SELECT id FROM due))
RETURNING id, token, ordering_key
"""
# A lane whose worker died may be what killed it. Taken alone, it cannot take innocent ones down with it.
CLAIM_SUSPECT = CLAIM.replace("rescues = 0", "rescues > 0")
READ = """
SELECT delivery.id, lane_id, seq, attempts, event.event_id, event_type, schema_version, ordering_key, created_at,
       extract(epoch FROM clock_timestamp() - created_at)::float8, payload, headers
FROM unnest(%(lanes)s::bigint[]) AS lane (id)
CROSS JOIN LATERAL (
    SELECT id, lane_id, event_id, seq, attempts FROM outbox_delivery
    WHERE lane_id = lane.id AND status = 'pending' ORDER BY seq, id LIMIT %(per_lane)s
) AS delivery
JOIN outbox_event AS event ON event.event_id = delivery.event_id
ORDER BY lane_id, seq, delivery.id
"""


def claim(
    destination: Destination, window: Window | None = None, *, suspect: bool = False
) -> list[ClaimedLane]:
    """Lease up to ``lanes_per_claim`` due lanes and return them with their next deliveries in order.

    1. ask the breaker · 2. lease, raising each token · 3. read the heads of the lanes.
    A destination that has failed is probed with a single lane. ``window`` says how far back to look, and learns what
    was found; without one, everything is looked at. ``suspect`` claims one lane that was rescued from a dead worker;
    otherwise such lanes are left out.
    """
    window = window or Window()
    with one_at_a_time(destination), connection.cursor() as cursor:
        limit = room(cursor, destination)
        if limit < 1:
            return []
        limit = 1 if suspect else limit
        cursor.execute(
            CLAIM_SUSPECT if suspect else CLAIM,
            {
                "destination": destination.name,
                "limit": limit,
                "lease": destination.lease,
                "window": window.seconds(),
            },
        )
        leased = cursor.fetchall()
        window.took(len(leased), limit)
        if not leased:
            return []
        cursor.execute(
            READ,
            {"lanes": [lane_id for lane_id, _, _ in leased], "per_lane": destination.deliveries_per_lane},
        )
        rows = [
            ClaimedDelivery(*row, loads(payload), loads(headers))  # type: ignore[call-arg]
            for *row, payload, headers in cursor.fetchall()
        ]
    waiting = {lane_id: tuple(found) for lane_id, found in groupby(rows, attrgetter("lane_id"))}
    return [ClaimedLane(lane_id, token, key, waiting.get(lane_id, ())) for lane_id, token, key in leased]


@contextmanager
def one_at_a_time(destination: Destination) -> Iterator[None]:
    """Where lanes in flight are capped, let nobody else count and lease meanwhile; the lock ends with the claim."""
    if destination.lanes_in_flight is None:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_CLAIMS, [f"holdfast claim {destination.name}"])
        yield


def room(cursor: Any, destination: Destination) -> int:
    """Return how many lanes may be claimed now: none while the breaker is open, one to probe a failed destination."""
    cursor.execute(ROOM, {"destination": destination.name})
    failures, resting = cursor.fetchone()
    if resting:
        return 0
    limit = 1 if failures else destination.lanes_per_claim
    if destination.lanes_in_flight is None:
        return limit
    cursor.execute(IN_FLIGHT, {"destination": destination.name})
    return min(limit, destination.lanes_in_flight - cursor.fetchone()[0])
