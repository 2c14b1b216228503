"""The sweeper: take objects out of the store when nobody can want them any more.

An object goes when its address has expired, so that no receiver was promised more than it gets, and

* every delivery of its event was settled longer than the grace ago; or
* it was abandoned: it is older than the limit and none of the event's deliveries is on its way. What is dead or parked
  keeps its payload in the outbox; a redrive stores it again under the same key, with a new address.

What waits for its next try is never swept. Each object is leased before it is deleted, so that a redrive of the same
moment waits for the outcome.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from persistence.archive.sinks import Deletes, SinkError

LEASE_SECONDS = 60
BATCH = 100
KEEP_ROWS_SECONDS = 30 * 86_400  # of objects that are gone
SETTLE = """
UPDATE persistence_claim_check AS claim SET settled_at = coalesce(
    (SELECT max(delivery.settled_at) FROM outbox_delivery AS delivery WHERE delivery.event_id = claim.event_id),
    clock_timestamp()
)
WHERE claim.deleted_at IS NULL AND claim.settled_at IS NULL AND NOT EXISTS (
    SELECT FROM outbox_delivery AS delivery
    WHERE delivery.event_id = claim.event_id AND delivery.status IN ('pending', 'dead', 'parked')
)
"""
TAKE = """
UPDATE persistence_claim_check SET sweeping_until = clock_timestamp() + %(lease)s * interval '1 second'
WHERE id = ANY (ARRAY(
    SELECT claim.id FROM persistence_claim_check AS claim
    WHERE claim.deleted_at IS NULL AND claim.id > %(after)s AND claim.expires_at < clock_timestamp()
      AND (claim.sweeping_until IS NULL OR claim.sweeping_until < clock_timestamp())
      AND (claim.settled_at < clock_timestamp() - %(grace)s * interval '1 second'
           OR claim.created_at < clock_timestamp() - %(abandoned)s * interval '1 second'
           AND NOT EXISTS (SELECT FROM outbox_delivery AS delivery
                           WHERE delivery.event_id = claim.event_id AND delivery.status = 'pending'))
    ORDER BY claim.id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
))
RETURNING id, key, sweeping_until
"""
DELETED = """
UPDATE persistence_claim_check SET deleted_at = clock_timestamp(), sweeping_until = NULL
WHERE id = %(id)s AND sweeping_until = %(sweeping_until)s
"""
FORGET = """
DELETE FROM persistence_claim_check
WHERE deleted_at IS NOT NULL AND deleted_at < clock_timestamp() - %(keep)s * interval '1 second'
"""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """One object in this sweeper's hands."""

    id: int
    key: str
    sweeping_until: datetime


@dataclass(frozen=True, slots=True)
class Swept:
    """How many objects are gone, and how many could not be deleted and are tried again."""

    deleted: int = 0
    failed: int = 0


def sweep(store: Deletes, *, grace_seconds: float, abandoned_seconds: float) -> Swept:
    """Delete what may go. 1. note what is settled · 2. lease a batch · 3. delete · 4. write it down · 5. forget rows.

    When the store is out, the rest waits for the next sweep.
    """
    with connection.cursor() as cursor:
        cursor.execute(SETTLE)
    deleted = failed = after = 0
    while batch := take(after, grace_seconds=grace_seconds, abandoned_seconds=abandoned_seconds):
        began = time.monotonic()
        after = batch[-1].id
        for taken in batch:
            if time.monotonic() - began > LEASE_SECONDS / 2:
                break  # what is left of this batch is free again when the lease is over
            try:
                delete(store, taken)
                deleted += 1
            except SinkError as error:
                failed += 1
                log.warning("a claim could not be deleted and is tried again: %s", error)
                if error.endpoint_down:
                    return Swept(deleted, failed)
    with connection.cursor() as cursor:
        cursor.execute(FORGET, {"keep": KEEP_ROWS_SECONDS})
    return Swept(deleted, failed)


def take(after: int, *, grace_seconds: float, abandoned_seconds: float) -> list[Taken]:
    """Lease the next objects that may go, in the order of their rows."""
    given = {
        "after": after,
        "lease": LEASE_SECONDS,
        "grace": grace_seconds,
        "abandoned": abandoned_seconds,
        "batch": BATCH,
    }
    with connection.cursor() as cursor:
        cursor.execute(TAKE, given)
        return sorted((Taken(*row) for row in cursor.fetchall()), key=lambda taken: taken.id)


def delete(store: Deletes, taken: Taken) -> None:
    """Delete one object and write it down, if the lease is still ours."""
    store.delete(taken.key)
    with connection.cursor() as cursor:
        cursor.execute(DELETED, {"id": taken.id, "sweeping_until": taken.sweeping_until})
