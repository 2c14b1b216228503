"""The log of sends: one row for each, written before it begins and completed when it ends.

A handler whose receiver may have got an event although no answer came back asks here how often a send was begun: above
0, it looks for what an earlier one left behind before it creates anything again. The row is committed before the send,
so a worker that dies in between leaves an attempt without an end, and is counted.
"""

import time
from dataclasses import dataclass

from django.db import connection, transaction

from outbox.destinations import Destination
from outbox.outcomes import ClaimedDelivery

MAX_EXCERPT = 2_000  # characters
# Two workers at once take two numbers: the second one waits for the first one's commit, and then sees it.
BEGIN = """
INSERT INTO outbox_delivery_attempt (event_id, destination, number, event_type, ordering_key, outcome, error_code,
                                     excerpt)
SELECT %(event_id)s, %(destination)s, coalesce(max(number), 0) + 1, %(event_type)s, %(ordering_key)s, '', '', ''
FROM outbox_delivery_attempt WHERE event_id = %(event_id)s AND destination = %(destination)s
ON CONFLICT (event_id, destination, number) DO NOTHING
RETURNING id, number
"""
FINISH = """
UPDATE outbox_delivery_attempt SET outcome = %(outcome)s, duration_ms = %(duration_ms)s, status_code = %(status_code)s,
    error_code = %(error_code)s, excerpt = %(excerpt)s
WHERE id = %(id)s AND outcome = ''
"""
# An attempt stays for as long as its event, or a late redrive would take itself for the first send.
PRUNE = """
DELETE FROM outbox_delivery_attempt WHERE id = ANY (ARRAY(
    SELECT attempt.id FROM outbox_delivery_attempt AS attempt
    WHERE attempt.started_at < clock_timestamp() - %(keep)s * interval '1 second'
      AND NOT EXISTS (SELECT FROM outbox_event AS event WHERE event.event_id = attempt.event_id)
    ORDER BY attempt.started_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
"""


class BegunInTransaction(RuntimeError):
    """A send was begun inside a transaction, which would take the record of it back if it failed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A send that has begun. ``before`` counts those of the same event to the same destination begun earlier."""

    id: int
    number: int  # from 1
    started: float  # time.monotonic()

    @property
    def before(self) -> int:
        return self.number - 1


def begin(destination: Destination, delivery: ClaimedDelivery) -> Attempt:
    """Write down, durably, that a send begins now. Redriven deliveries count on: they carry the same event.

    Raises BegunInTransaction where the row could be rolled back.
    """
    if connection.in_atomic_block:
        raise BegunInTransaction(
            "begin() was called inside a transaction. Nothing was written or sent. Handlers run outside of them."
        )
    given = {
        "event_id": str(delivery.event_id),
        "destination": destination.name,
        "event_type": delivery.event_type,
        "ordering_key": delivery.ordering_key,
    }
    while True:
        with connection.cursor() as cursor:
            cursor.execute(BEGIN, given)
            if row := cursor.fetchone():
                return Attempt(id=row[0], number=row[1], started=time.monotonic())


def finish(
    attempt: Attempt, *, outcome: str, status_code: int | None = None, code: str = "", excerpt: str = ""
) -> None:
    """Write down how a send ended; the first end of an attempt stands.

    ``outcome`` is a word, such as ``outbox.outcomes.word`` gives. ``excerpt`` is the beginning of what the receiver
    said, already redacted by the caller; what is longer than 2,000 characters is cut.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            FINISH,
            {
                "id": attempt.id,
                "outcome": outcome[:20],
                "duration_ms": round((time.monotonic() - attempt.started) * 1000),
                "status_code": status_code,
                "error_code": _storable(code)[:100],
                "excerpt": _storable(excerpt[: MAX_EXCERPT * 2])[:MAX_EXCERPT],
            },
        )


def prune(*, keep_seconds: float, batch: int = 5000, batches: int = 100) -> int:
    """Delete attempts older than ``keep_seconds`` whose event is gone, in short transactions; return how many."""
    total = 0
    for _ in range(batches):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PRUNE, {"keep": keep_seconds, "limit": batch})
            deleted = int(cursor.rowcount)
        total += deleted
        if deleted < batch:
            break
    return total


def _storable(text: str) -> str:
    """Replace what Postgres cannot keep: receivers say anything."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
