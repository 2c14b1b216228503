"""Short words for turns that ask for a human, and for acting on their cases."""

import itertools
from typing import Any

from handoff.cases.actor import Actor
from handoff.gate import GatedTurn, record_turn
from handoff.models import CaseEvent, SupportCase
from outbox.models import OutboxEvent
from persistence.models import Conversation

_numbers = itertools.count(1)
ANNA, BEN = Actor("anna"), Actor("ben")


def turn(text: str = "hello", reply: str | None = "hi", *, session_id: str = "s", **more: Any) -> GatedTurn:
    """Record one exchange in domain "demo"; without a reply, only the customer speaks."""
    messages = [{"role": "user", "content": text}]
    if reply is not None:
        messages.append({"role": "assistant", "content": reply})
    given = {
        "domain": "demo",
        "channel": "web",
        "request_id": f"turn-{next(_numbers)}",
        "messages": messages,
    } | more
    return record_turn(session_id=session_id, **given)


def ask(
    text: str = "I want a person", *, session_id: str = "s", request_id: str = "", **wish: Any
) -> GatedTurn:
    """Record an exchange that asks for a human."""
    handoff = {"reason_code": "user_request", "reason": "the customer asked"} | wish
    return turn(
        text,
        "I will get you one.",
        session_id=session_id,
        request_id=request_id or f"turn-{next(_numbers)}",
        handoff=handoff,
    )


def case_of(found: GatedTurn) -> SupportCase:
    return SupportCase.objects.select_related("queue", "conversation").get(case_id=found.case_id)


def control_of(found: GatedTurn) -> tuple[str, int]:
    conversation = Conversation.objects.get(public_id=found.turn.conversation_id)
    return conversation.control, conversation.control_epoch


def kinds(found: GatedTurn) -> list[str]:
    return list(
        CaseEvent.objects.filter(case__case_id=found.case_id).order_by("seq").values_list("kind", flat=True)
    )


def told(event_type: str) -> list[dict[str, Any]]:
    """Return the payloads of this type, in the order in which they were written."""
    return list(
        OutboxEvent.objects.filter(event_type=event_type)
        .order_by("event_id")
        .values_list("payload", flat=True)
    )
