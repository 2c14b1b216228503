"""Receipts: what a desk told us changes something once, however often it is told."""

import hashlib

from django.db import connection, transaction

from handoff.connectors.port import Heard
from handoff.models import Endpoint

LONGEST_ID = 200
KEEP_DAYS = 30  # no sender tries for longer, and no adapter takes a signature that old
RECEIVE = """
INSERT INTO handoff_inbound_receipt (endpoint_id, delivery_id, kind, outcome)
VALUES (%(endpoint)s, %(delivery)s, %(kind)s, %(outcome)s)
ON CONFLICT (endpoint_id, delivery_id) DO NOTHING
RETURNING id
"""
CONCLUDE = "UPDATE handoff_inbound_receipt SET outcome = %s WHERE id = %s"
PRUNE = """
DELETE FROM handoff_inbound_receipt WHERE id = ANY (ARRAY(
    SELECT id FROM handoff_inbound_receipt WHERE received_at < clock_timestamp() - %(days)s * interval '1 day'
    ORDER BY received_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
))
"""


def receive(endpoint: Endpoint, heard: Heard, outcome: str = "") -> int | None:
    """Write the receipt inside the caller's transaction and return its id, or None where there is one already.

    A second telling that comes while the first is under way waits here for what becomes of it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            RECEIVE,
            {
                "endpoint": endpoint.pk,
                "delivery": receipt_id(heard.delivery_id),
                "kind": heard.kind,
                "outcome": outcome,
            },
        )
        row = cursor.fetchone()
    return row[0] if row else None


def conclude(receipt: int, outcome: str) -> None:
    """Write what became of it."""
    with connection.cursor() as cursor:
        cursor.execute(CONCLUDE, [outcome, receipt])


def receipt_id(delivery_id: str) -> str:
    """Return the desk's id of the telling as it is kept: one that is too long, or cannot be stored, by its digest."""
    if len(delivery_id) <= LONGEST_ID and delivery_id.isprintable():
        return delivery_id
    return hashlib.sha256(delivery_id.encode("utf-8", "surrogatepass")).hexdigest()


def prune(*, days: float = KEEP_DAYS, batch: int = 5_000, batches: int = 100) -> int:
    """Delete receipts older than that, in short transactions; return how many."""
    total = 0
    for _ in range(batches):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PRUNE, {"days": days, "limit": batch})
            deleted = int(cursor.rowcount)
        total += deleted
        if deleted < batch:
            break
    return total
