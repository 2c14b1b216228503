"""Who is told what about a case: payloads for help desks, and for the app that speaks with the customer.

Help desks hear of one case in the order of its events; the app hears of one conversation in the order of its turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoff.endpoints import receivers
from handoff.models import CaseEvent, SupportCase
from outbox.enqueue import enqueue
from persistence.control import LockedConversation

MESSAGES = {"replied": "agent", "customer_said": "customer", "assistant_said": "assistant"}
# What a desk need not hear: it is about our own clocks and attempts.
UNTOLD = frozenset({"opened", "queued", "warned", "breached", "timed_out", "looping"})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event for the outbox, to be written when the rows that it tells about are."""

    event_type: str
    payload: dict[str, Any]
    ordering_key: str
    ordering_seq: int
    receivers: Sequence[str]
    idempotency_key: str | None = None


def send(outgoing: Sequence[Outgoing], *, besides: str = "") -> None:
    """Enqueue, last in the transaction; ``besides`` is the destination that knows already."""
    for one in outgoing:
        enqueue(
            one.event_type,
            one.payload,
            ordering_key=one.ordering_key,
            ordering_seq=one.ordering_seq,
            idempotency_key=one.idempotency_key,
            destinations=[name for name in one.receivers if name != besides],
        )


def about(case: SupportCase, conversation: LockedConversation) -> dict[str, Any]:
    """Return what every payload says of its case."""
    return {
        "case_id": str(case.case_id),
        "conversation_id": str(conversation.public_id),
        "domain": case.domain,
        "channel": case.channel,
    }


def case_event(
    case: SupportCase, conversation: LockedConversation, event: CaseEvent, previous: str
) -> Outgoing | None:
    """Return what help desks hear of a case event; None while consent is missing, and for our own affairs."""
    if event.kind in UNTOLD or "pending_consent" in (case.status, previous):
        return None
    facts: dict[str, Any] = {"seq": event.seq, "created_at": event.created_at.isoformat()}
    if event.kind in MESSAGES:
        kind = "case.message"
        facts |= {
            "from": MESSAGES[event.kind],
            "author": event.data.get("author", ""),
            "text": event.text,
            "turn_seq": event.data.get("turn_seq"),
        }
    elif event.kind == "noted":
        kind = "case.note"
        facts |= {"author": event.data.get("author", ""), "text": event.text}
    else:
        kind = "case.status"
        facts |= {
            "status": case.status,
            "previous": previous,
            "priority": case.priority,
            "queue": case.queue.name,
            "assignee": case.assignee,
            "reason": event.kind,
            "actor": event.actor,
            "note": event.text,
        }
    return Outgoing(
        kind,
        about(case, conversation) | facts,
        str(case.case_id),
        event.seq,
        receivers(case.domain, "helpdesk", case.queue_id),
    )


def told_control(
    case: SupportCase, conversation: LockedConversation, reason: str, notice: dict[str, Any], now: datetime
) -> Outgoing:
    """Return what the app hears when control has moved."""
    payload = about(case, conversation) | {
        "control": conversation.control,
        "control_epoch": conversation.control_epoch,
        "reason": reason,
        "notice": notice or None,
        "created_at": now.isoformat(),
    }
    return to_app(case, conversation, "control.changed", payload)


def reply_created(
    case: SupportCase, conversation: LockedConversation, event: CaseEvent, turn_seq: int
) -> Outgoing:
    """Return the agent's reply on its way to the customer."""
    payload = about(case, conversation) | {
        "turn_id": str(event.turn_id),
        "seq": turn_seq,
        "author": event.data.get("author", ""),
        "text": event.text,
        "customer_ref": conversation.customer_ref,
        "created_at": event.created_at.isoformat(),
    }
    return to_app(case, conversation, "reply.created", payload)


def to_app(
    case: SupportCase, conversation: LockedConversation, event_type: str, payload: dict[str, Any]
) -> Outgoing:
    """Address an event to the app that speaks with the customer."""
    return Outgoing(
        event_type,
        payload,
        str(conversation.public_id),
        conversation.last_seq,
        receivers(case.domain, "replies", None),
    )
