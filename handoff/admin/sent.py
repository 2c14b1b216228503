"""What was sent about a case, and what still waits: the delivery log of its help desks and of its replies."""

from collections.abc import Iterable
from dataclasses import dataclass

from handoff.models import Endpoint, ExternalLink, SupportCase
from outbox.models import Delivery, DeliveryAttempt, Lane

SHOWN = 30
LABELS = {
    "handoff.requested": "ticket",
    "case.message": "message",
    "case.note": "note",
    "case.status": "status",
    "reply.created": "reply to the customer",
    "control.changed": "change of control",
    "conversation.summarized": "summary",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """The log: sends, newest first; deliveries that are open or stuck; and what the help desks call this case."""

    attempts: list[tuple[DeliveryAttempt, str]]
    waiting: list[tuple[Delivery, str, bool]]  # with what it tells, and whether it waits for a person
    links: list[ExternalLink]
    endpoints: int

    @property
    def stuck(self) -> int:
        """Return how many deliveries wait for a person."""
        return sum(stuck for _, _, stuck in self.waiting)


def ordering_keys(case: SupportCase) -> set[str]:
    """Return the keys under which events about this case are sent: its own, and its conversation's."""
    return {str(case.case_id), str(case.conversation.public_id)}


def sent(case: SupportCase) -> Sent:
    """Return the delivery log of this case. Five statements, however much was sent."""
    keys = ordering_keys(case)
    names = [
        endpoint.destination
        for endpoint in Endpoint.objects.filter(domain=case.domain).only("slug", "purpose")
    ]
    attempts = DeliveryAttempt.objects.filter(ordering_key__in=keys, destination__in=names).order_by("-id")
    lanes = list(
        Lane.objects.filter(destination__in=names, ordering_key__in=keys).values_list("pk", flat=True)
    )
    return Sent(
        attempts=[(attempt, label(attempt.event_type)) for attempt in attempts[:SHOWN]],
        waiting=[
            (delivery, label(delivery.event.event_type), delivery.status != "pending")
            for delivery in open_deliveries(lanes)
        ],
        links=list(ExternalLink.objects.filter(case=case).select_related("endpoint").order_by("id")[:SHOWN]),
        endpoints=len(names),
    )


def open_deliveries(lanes: Iterable[int]) -> list[Delivery]:
    """Return what waits for its time or for a person. Each half has an index of its own, by lane."""
    rows = Delivery.objects.select_related("lane", "event").order_by("lane_id", "seq", "id")
    stuck = rows.filter(lane_id__in=lanes, status__in=("dead", "parked"))[:SHOWN]
    pending = rows.filter(lane_id__in=lanes, status="pending")[:SHOWN]
    return [*stuck, *pending]


def label(event_type: str) -> str:
    """Return what an event tells, in a word."""
    return LABELS.get(event_type, event_type)
