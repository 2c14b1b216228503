"""What an operator may do to the outbox: redrive, park, release. The command and the admin both act through here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

# Every statement locks the lane first, in the order of ids, like enqueue and settle do.
LOCK_LANES = "SELECT id FROM outbox_lane WHERE id = ANY (%(lanes)s) ORDER BY id FOR UPDATE"
STUCK = """
SELECT delivery.id, delivery.lane_id
FROM outbox_delivery AS delivery JOIN outbox_lane AS lane ON lane.id = delivery.lane_id
WHERE delivery.status IN ('dead', 'parked') AND lane.destination = %(destination)s
  AND (%(ids)s::bigint[] IS NULL OR delivery.id = ANY (%(ids)s))
  AND (%(key)s IS NULL OR lane.ordering_key = %(key)s)
  AND (%(after)s::timestamptz IS NULL OR delivery.settled_at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR delivery.settled_at < %(before)s)
ORDER BY delivery.id LIMIT %(limit)s
"""
REDRIVE = """
WITH old AS (
    UPDATE outbox_delivery SET status = 'redriven'
    WHERE id = ANY (%(ids)s) AND status IN ('dead', 'parked') RETURNING lane_id, event_id, seq
)
INSERT INTO outbox_delivery (lane_id, event_id, seq, status, attempts, next_at, last_error_code)
SELECT lane_id, event_id, seq, 'pending', 0, clock_timestamp(), '' FROM old
"""
SKIP_STUCK = """
UPDATE outbox_delivery SET status = 'released' WHERE lane_id = ANY (%(lanes)s) AND status IN ('dead', 'parked')
"""
WAKE = """
UPDATE outbox_lane SET parked_reason = '', rescues = 0, due_at = CASE WHEN EXISTS (
    SELECT FROM outbox_delivery WHERE lane_id = outbox_lane.id AND status = 'pending'
) THEN clock_timestamp() ELSE 'infinity' END
WHERE id = ANY (%(lanes)s) AND leased_until IS NULL
"""
LANES = """
SELECT id FROM outbox_lane WHERE destination = %(destination)s AND (%(key)s IS NULL OR ordering_key = %(key)s)
  AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s)) AND (parked_reason <> '') = %(parked)s
ORDER BY id LIMIT %(limit)s FOR UPDATE
"""
PARK_LANES = """
UPDATE outbox_lane SET parked_reason = %(reason)s, due_at = 'infinity', leased_until = NULL, token = token + 1
WHERE id = ANY (%(lanes)s)
"""
PARK_DESTINATION = """
INSERT INTO outbox_destination_state (destination, failures, parked_reason, last_error_code)
VALUES (%(destination)s, 0, %(reason)s, '')
ON CONFLICT (destination) DO UPDATE SET parked_reason = excluded.parked_reason, changed_at = clock_timestamp()
"""
RELEASE_DESTINATION = """
UPDATE outbox_destination_state SET parked_reason = '', failures = 0, open_until = NULL, changed_at = clock_timestamp()
WHERE destination = %(destination)s AND (parked_reason <> '' OR failures > 0)
"""
LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Which:
    """Which rows are meant: by ids, by ordering key, by the time they got stuck (redrive only); nothing said means all.

    The ids are those of deliveries for ``redrive`` and of lanes for ``park`` and ``release``.
    """

    ids: Sequence[int] | None = None
    ordering_key: str | None = None
    after: datetime | None = None
    before: datetime | None = None

    def parameters(self, destination: str) -> dict[str, Any]:
        ids = None if self.ids is None else list(self.ids)
        key, after, before = self.ordering_key, self.after, self.before
        return {
            "destination": destination,
            "ids": ids,
            "key": key,
            "after": after,
            "before": before,
            "limit": LIMIT,
        }


ALL = Which()


def count_stuck(destination: str, which: Which = ALL) -> int:
    """Return how many deliveries a redrive would take now, at most ``LIMIT``."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({STUCK}) AS found", which.parameters(destination))
        return int(cursor.fetchone()[0])


def redrive(destination: str, which: Which = ALL) -> int:
    """Try dead and parked deliveries again: each gets a new delivery at its old place. Returns how many.

    1. find what is stuck · 2. lock its lanes · 3. add the deliveries · 4. wake the lanes.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(STUCK, which.parameters(destination))
        found = cursor.fetchall()
        lanes = sorted({lane_id for _, lane_id in found})
        cursor.execute(LOCK_LANES, {"lanes": lanes})
        cursor.execute(REDRIVE, {"ids": [delivery_id for delivery_id, _ in found]})
        redriven = int(cursor.rowcount)
        cursor.execute(WAKE, {"lanes": lanes})
    return redriven


def park_lanes(destination: str, which: Which = ALL, *, reason: str = "parked by an operator") -> int:
    """Hold lanes: nothing of them is sent, everything is kept, a worker that holds one is fenced. Returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LANES, which.parameters(destination) | {"parked": False})
        lanes = [lane_id for (lane_id,) in cursor.fetchall()]
        cursor.execute(PARK_LANES, {"lanes": lanes, "reason": reason[:200]})
    return len(lanes)


def release_lanes(destination: str, which: Which = ALL) -> int:
    """Let parked lanes go on, past what is dead or parked in them and stays visible as released; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LANES, which.parameters(destination) | {"parked": True})
        lanes = [lane_id for (lane_id,) in cursor.fetchall()]
        cursor.execute(SKIP_STUCK, {"lanes": lanes})
        cursor.execute(WAKE, {"lanes": lanes})
    return len(lanes)


def park_destination(destination: str, *, reason: str = "parked by an operator") -> int:
    """Hold a whole destination: nothing is claimed for it, everything is kept. Returns 1."""
    with connection.cursor() as cursor:
        cursor.execute(PARK_DESTINATION, {"destination": destination, "reason": reason[:200]})
    return 1


def release_destination(destination: str) -> int:
    """Let a parked or resting destination be called again at once. Returns 1, or 0 when it was neither."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE_DESTINATION, {"destination": destination})
        return int(cursor.rowcount)
