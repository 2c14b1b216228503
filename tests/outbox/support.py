"""A destination that does what a test says, and short words for enqueueing and relaying."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from outbox.destinations import Destination, MaySend, destination
from outbox.enqueue import enqueue
from outbox.models import Delivery, Lane
from outbox.outcomes import ClaimedDelivery, Delivered, Outcome
from outbox.relay import Relayed, relay_once
from outbox.tally import Tally

SCRIPTED = {
    "scripted": {
        "handler": "tests.outbox.support.ScriptedHandler",
        "events": ["told"],
        "queue": "helpdesk",
        "schedule": [0, 5, 30],
        "jitter": 0,
        "lanes_per_claim": 16,
        "deliveries_per_lane": 10,
    }
}


class ScriptedHandler:
    """Asks ``answer`` for the outcome of each delivery, and remembers what it was given, in order."""

    received: list[ClaimedDelivery] = []
    answer: Callable[[ClaimedDelivery], Outcome] = staticmethod(lambda delivery: Delivered())

    def __init__(self, destination: Destination) -> None:
        self.destination = destination

    def deliver(self, lanes: Sequence[Sequence[ClaimedDelivery]], may_send: MaySend) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        for lane in lanes:
            for delivery in lane:
                if not may_send():
                    break
                ScriptedHandler.received.append(delivery)
                outcomes[delivery.id] = ScriptedHandler.answer(delivery)
                if not isinstance(outcomes[delivery.id], Delivered):
                    break
        return outcomes

    @classmethod
    def reset(cls) -> None:
        cls.received = []
        cls.answer = staticmethod(lambda delivery: Delivered())

    @classmethod
    def received_seqs(cls, key: str = "k") -> list[int]:
        return [delivery.seq for delivery in cls.received if delivery.ordering_key == key]


def tell(key: str = "k", seq: int = 1, **payload: Any) -> UUID:
    """Enqueue one event in a transaction of its own."""
    with transaction.atomic():
        return enqueue("told", payload, ordering_key=key, ordering_seq=seq)


def scripted() -> Destination:
    return destination("scripted")


def go(**changes: Any) -> Relayed:
    """Relay the scripted destination once."""
    tally = Tally("scripted")
    done = relay_once(scripted(), tally)
    tally.flush()
    return done


def make_due() -> None:
    """Let the time that every waiting lane and delivery waits for pass."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_delivery SET next_at = now() - interval '1 second' WHERE status = 'pending'"
        )
        cursor.execute(
            "UPDATE outbox_lane SET due_at = now() - interval '1 second' WHERE due_at < 'infinity'"
        )
        cursor.execute("UPDATE outbox_destination_state SET open_until = now() - interval '1 second'")


def expire_leases() -> None:
    """Let the lease of every claimed lane run out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_lane SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL"
        )


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("seq", "id").values_list("status", flat=True))


def lane(key: str = "k") -> Lane:
    return Lane.objects.get(ordering_key=key)


def asleep(key: str = "k") -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT due_at = 'infinity' FROM outbox_lane WHERE ordering_key = %s", [key])
        return bool(cursor.fetchone()[0])
