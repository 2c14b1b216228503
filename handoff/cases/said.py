"""A turn in a conversation that waits for a human or is in human hands: what it means for the case."""

from handoff.cases import clock
from handoff.cases.actor import Actor
from handoff.cases.attempts import activate
from handoff.cases.change import Change
from handoff.cases.opening import live_case
from handoff.models import SupportCase
from persistence.control import lock_conversation
from persistence.database import database_now
from persistence.models import Conversation
from persistence.privacy.redaction import redact_text
from persistence.requests import TurnRequest
from persistence.turns import RecordedTurn

KINDS = {"user": "customer_said", "assistant": "assistant_said", "agent": "replied"}


def note_turn(turn: TurnRequest, recorded: RecordedTurn) -> SupportCase | None:
    """Tell the case what was said, in the turn's own transaction: the customer waits again, or has been answered."""
    pk = Conversation.objects.values_list("pk", flat=True).get(public_id=recorded.conversation_id)
    conversation = lock_conversation(pk)
    case = live_case(conversation)
    if case is None:
        return None
    change = Change(case, conversation, Actor("turn", "api"), database_now())
    for message in turn.messages:
        if message.role in KINDS and message.content.strip():
            change.write(
                KINDS[message.role],
                text=redact_text(message.content),
                data={"turn_seq": recorded.seq, "author": (message.model_extra or {}).get("name", "")},
                turn_id=recorded.turn_id,
            )
    roles = {message.role for message in turn.messages}
    if "user" in roles:
        customer_waits(change)
    if "agent" in roles:
        activate(change)
        clock.answered(case, change.now)
    change.save()
    return case


def customer_waits(change: Change) -> None:
    """Whoever waited for the customer waits no more."""
    if change.case.status == "waiting_customer":
        change.case.status = "in_progress"
    clock.customer_said(change.case, change.now)
