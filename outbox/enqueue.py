"""``enqueue``: write an event and its deliveries inside the transaction of what it tells about."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import uuid_utils
from django.db import connection

from outbox.destinations import destinations_for

ENQUEUE = """
SELECT outbox_enqueue(%(event_id)s, %(event_type)s, %(schema_version)s, %(ordering_key)s, %(ordering_seq)s,
                      %(idempotency_key)s, %(payload)s, %(headers)s, %(destinations)s)
"""


class NotInTransaction(RuntimeError):
    """An event was enqueued outside a transaction, where it could exist without what it tells about."""


def enqueue(
    event_type: str,
    payload: dict[str, Any],
    *,
    ordering_key: str,
    ordering_seq: int,
    schema_version: int = 1,
    idempotency_key: str | None = None,
    headers: dict[str, Any] | None = None,
    destinations: Sequence[str] = (),
) -> UUID:
    """Write one event and one delivery per destination that receives its type, and per one that ``destinations`` names.

    Returns the event's id. A name is taken as it is: whoever names a destination knows that it exists.

    Deliveries of one ``ordering_key`` reach each destination in the order of ``ordering_seq``, and of enqueueing where
    that is equal. Call it last in the transaction: it holds the lane's lock until the commit. With an
    ``idempotency_key`` that exists already, nothing is written and the first event's id is returned.

    Raises NotInTransaction outside ``transaction.atomic()``.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction(
            "enqueue() was called outside a transaction. Nothing was written. Wrap it and the change that it tells "
            "about in one transaction.atomic() block."
        )
    with connection.cursor() as cursor:
        cursor.execute(
            ENQUEUE,
            {
                "event_id": str(uuid_utils.uuid7()),
                "event_type": event_type,
                "schema_version": schema_version,
                "ordering_key": ordering_key,
                "ordering_seq": ordering_seq,
                "idempotency_key": idempotency_key,
                "payload": json.dumps(payload),
                "headers": json.dumps(headers or {}),
                "destinations": sorted({*destinations_for(event_type), *destinations}),
            },
        )
        (event_id,) = cursor.fetchone()
    return UUID(str(event_id))
