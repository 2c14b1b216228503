"""Upkeep: free the leases of the dead, wake what sleeps by mistake, and prune what is settled."""

from collections import Counter

from django.db import connection, transaction

from outbox.destinations import Destination
from outbox.tally import Tally

# One statement per destination. SKIP LOCKED leaves a lane that is being settled this very moment to its settler.
RESCUE = """
WITH expired AS MATERIALIZED (
    SELECT id FROM outbox_lane
    WHERE destination = %(destination)s AND leased_until IS NOT NULL AND leased_until < clock_timestamp()
    ORDER BY leased_until LIMIT 1000 FOR UPDATE SKIP LOCKED
)
UPDATE outbox_lane SET leased_until = NULL, rescues = rescues + 1,
    due_at = CASE WHEN rescues + 1 >= %(max_rescues)s THEN 'infinity' ELSE clock_timestamp() END,
    parked_reason = CASE WHEN rescues + 1 >= %(max_rescues)s
        THEN 'poison: its worker died ' || rescues + 1 || ' times in a row' ELSE parked_reason END
WHERE id = ANY (ARRAY(SELECT id FROM expired))
RETURNING parked_reason <> ''
"""
EXPIRED = "SELECT DISTINCT destination FROM outbox_lane WHERE leased_until < clock_timestamp()"
ASLEEP_WITH_PENDING = """
SELECT DISTINCT lane.id, lane.destination FROM outbox_delivery AS delivery
JOIN outbox_lane AS lane ON lane.id = delivery.lane_id
WHERE delivery.status = 'pending' AND lane.due_at = 'infinity' AND lane.leased_until IS NULL
  AND lane.parked_reason = ''
"""
WAKE = """
UPDATE outbox_lane SET due_at = clock_timestamp()
WHERE id = ANY (%(ids)s) AND due_at = 'infinity' AND leased_until IS NULL AND parked_reason = ''
"""
PRUNE_DELIVERIES = """
DELETE FROM outbox_delivery WHERE id = ANY (ARRAY(
    SELECT id FROM outbox_delivery
    WHERE status IN ('delivered', 'released', 'redriven')
      AND settled_at < clock_timestamp() - %(keep)s * interval '1 second'
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)) RETURNING event_id
"""
PRUNE_EVENTS = """
DELETE FROM outbox_event AS event WHERE event_id = ANY (%(ids)s)
AND NOT EXISTS (SELECT FROM outbox_delivery AS delivery WHERE delivery.event_id = event.event_id)
"""


def rescue(destination: Destination) -> int:
    """Free the lanes whose lease expired and return how many. A lane rescued too often in a row is poison: parked."""
    with connection.cursor() as cursor:
        cursor.execute(RESCUE, {"destination": destination.name, "max_rescues": destination.max_rescues})
        parked = [is_parked for (is_parked,) in cursor.fetchall()]
    tally = Tally(destination.name)
    tally.add("rescued", len(parked))
    tally.add("poisoned", sum(parked))
    tally.flush()
    return len(parked)


def with_expired_leases() -> set[str]:
    """Return the names of the destinations that have a lane to rescue; one statement, however many there are."""
    with connection.cursor() as cursor:
        cursor.execute(EXPIRED)
        return {name for (name,) in cursor.fetchall()}


def asleep_with_pending() -> Counter[str]:
    """Count, by destination, the lanes that sleep although something waits in them. It must be empty."""
    with connection.cursor() as cursor:
        cursor.execute(ASLEEP_WITH_PENDING)
        return Counter(destination for _, destination in cursor.fetchall())


def reconcile() -> Counter[str]:
    """Wake lanes that sleep although something waits in them, and return how many by destination.

    There should never be one; a count above zero is a defect worth an alarm, but nothing waits for its repair.
    """
    with connection.cursor() as cursor:
        cursor.execute(ASLEEP_WITH_PENDING)
        found = cursor.fetchall()
        if found:
            cursor.execute(WAKE, {"ids": [lane_id for lane_id, _ in found]})
    woken = Counter(destination for _, destination in found)
    for destination, count in woken.items():
        tally = Tally(destination)
        tally.add("woken", count)
        tally.flush()
    return woken


def prune(*, keep_seconds: float, batch: int = 5000, batches: int = 100) -> int:
    """Delete settled deliveries older than ``keep_seconds``, and events left without any; return how many deliveries.

    Short transactions of ``batch`` rows, at most ``batches`` of them: the next tick carries on.
    """
    total = 0
    for _ in range(batches):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PRUNE_DELIVERIES, {"keep": keep_seconds, "limit": batch})
            events = [event_id for (event_id,) in cursor.fetchall()]
            if events:
                cursor.execute(PRUNE_EVENTS, {"ids": events})
        total += len(events)
        if len(events) < batch:
            break
    return total
