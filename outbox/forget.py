"""Forget what the outbox holds under some ordering keys, as when a person's data is erased.

Lanes stay, asleep and under a new token: a lane that was deleted would restart its token and let a zombie settle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from outbox.selectors import IN_USE

BATCH = 10_000
# A worker holds the first few deliveries of a lane, never more than this.
HEADS = 1_000
# A destination that nobody knows any more may still have lanes.
LOCK_LANES = f"""
SELECT id FROM outbox_lane WHERE destination = ANY (ARRAY({IN_USE})) AND ordering_key = ANY (%(keys)s)
ORDER BY id FOR UPDATE
"""
WAITING = """
SELECT DISTINCT delivery.event_id FROM unnest(%(lanes)s::bigint[]) AS lane (id)
CROSS JOIN LATERAL (
    SELECT event_id FROM outbox_delivery WHERE lane_id = lane.id AND status = 'pending' ORDER BY seq, id LIMIT %(heads)s
) AS delivery
"""
# There is no index by ordering key, which every turn would pay for: the table, some hours of events, is read once.
EVENTS = "SELECT event_id FROM outbox_event WHERE ordering_key = ANY (%(keys)s)"
DELETE_DELIVERIES = "DELETE FROM outbox_delivery WHERE event_id = ANY (%(events)s::uuid[])"
DELETE_EVENTS = "DELETE FROM outbox_event WHERE event_id = ANY (%(events)s::uuid[])"
DELETE_ATTEMPTS = "DELETE FROM outbox_delivery_attempt WHERE ordering_key = ANY (%(keys)s) RETURNING event_id"
SLEEP = """
UPDATE outbox_lane SET due_at = 'infinity', leased_until = NULL, rescues = 0, parked_reason = '', token = token + 1
WHERE id = ANY (%(lanes)s)
"""
DELETE_LATE_ATTEMPTS = """
DELETE FROM outbox_delivery_attempt AS attempt WHERE ordering_key = ANY (%(keys)s)
AND NOT EXISTS (SELECT FROM outbox_event AS event WHERE event.event_id = attempt.event_id)
"""


class NotInTransaction(RuntimeError):
    """Something was to be forgotten outside a transaction, apart from what it tells about."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows are gone, the ids of the events that they were of, and those of which a worker may still have one
    in hand, whatever it does with it: it is fenced.
    """

    rows: dict[str, int]
    events: list[UUID]
    in_hand: list[UUID]


def forget(keys: Sequence[str]) -> Forgotten:
    """Delete the events of these ordering keys, their deliveries and the log of their sends, whatever their state.

    1. lock the lanes, in the order of ids like everybody · 2. delete · 3. put the lanes to sleep, under a new token.
    What is enqueued under these keys afterwards is delivered as always. Raises NotInTransaction outside of one.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction("forget() was called outside a transaction. Nothing was deleted.")
    given: dict[str, Any] = {"keys": sorted(set(keys)), "heads": HEADS}
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LANES, given)
        lanes = [lane_id for (lane_id,) in cursor.fetchall()]
        cursor.execute(WAITING, given | {"lanes": lanes})
        in_hand = [UUID(str(event_id)) for (event_id,) in cursor.fetchall()]
        cursor.execute(EVENTS, given)
        events = [str(event_id) for (event_id,) in cursor.fetchall()]
        deliveries = deleted = 0
        for start in range(0, len(events), BATCH):
            batch = {"events": events[start : start + BATCH]}
            cursor.execute(DELETE_DELIVERIES, batch)
            deliveries += cursor.rowcount
            cursor.execute(DELETE_EVENTS, batch)
            deleted += cursor.rowcount
        cursor.execute(DELETE_ATTEMPTS, given)
        logged = [str(event_id) for (event_id,) in cursor.fetchall()]
        cursor.execute(SLEEP, {"lanes": lanes})
    rows = {"events": deleted, "deliveries": deliveries, "delivery attempts": len(logged)}
    return Forgotten(rows, [UUID(event_id) for event_id in sorted({*events, *logged})], in_hand)


def forget_late(keys: Sequence[str]) -> int:
    """Delete what workers logged under these keys about events that are gone; return how many sends that were.

    A worker that had an event in hand may write its log after the event was forgotten.
    """
    with connection.cursor() as cursor:
        cursor.execute(DELETE_LATE_ATTEMPTS, {"keys": sorted(set(keys))})
        return int(cursor.rowcount)
