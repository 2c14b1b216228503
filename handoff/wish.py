"""A wish for a human that comes without a turn: from a supervisor's button, or after the answer was sent."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import uuid_utils

from handoff.cases.actor import Actor
from handoff.cases.opening import QUEUED, ask_for_human
from handoff.gate import promising
from handoff.models import SupportCase
from handoff.requests import HandoffRequest
from persistence.control import lock_conversation
from persistence.errors import Conflict, NotFound
from persistence.models import Conversation


class ConversationClosed(Conflict):
    """The conversation has ended; there is nobody to hand over."""

    code = "conversation_closed"
    title = "The conversation has ended"

    def __init__(self) -> None:
        super().__init__(
            "Nothing was stored. The customer's next word opens a new conversation; ask with that turn."
        )


@dataclass(frozen=True, slots=True)
class Promise:
    """The case, whether this request opened it, and what the customer may be told."""

    case_id: UUID
    conversation_id: UUID
    handoff_status: str
    control: str
    control_epoch: int
    fresh: bool

    def as_json(self) -> dict[str, Any]:
        """Return what the API answers."""
        return {
            "case_id": self.case_id,
            "conversation_id": self.conversation_id,
            "handoff_status": self.handoff_status,
            "control": self.control,
            "control_epoch": self.control_epoch,
        }


def request_handoff(
    domain: str, conversation_id: UUID, wish: HandoffRequest, *, request_id: str | None = None
) -> Promise:
    """Open a case for a conversation, or join its live one, in one transaction.

    A repeated ``request_id`` is answered with the case that it opened. Raises NotFound, ConversationClosed and
    HandoffUnavailable.
    """
    return promising(lambda: promise(domain, conversation_id, wish, request_id))


def promise(domain: str, conversation_id: UUID, wish: HandoffRequest, request_id: str | None) -> Promise:
    """Make the promise inside the transaction."""
    found = Conversation.objects.filter(public_id=conversation_id, domain=domain).values_list("pk", flat=True)
    pk = found.first()
    if pk is None:
        raise NotFound("conversation")
    conversation = lock_conversation(pk)
    key = f"request:{conversation.public_id}:{request_id}" if request_id else ""
    before = SupportCase.objects.filter(idempotency_key=key).first() if key else None
    if before is not None:
        status = "handoff_pending_consent" if before.status == "pending_consent" else QUEUED
        return Promise(
            before.case_id,
            conversation.public_id,
            status,
            conversation.control,
            conversation.control_epoch,
            False,
        )
    if conversation.control == "closed":
        raise ConversationClosed
    asked = ask_for_human(
        conversation,
        wish,
        actor=Actor("request", "api"),
        key=key or f"asked:{uuid_utils.uuid7()}",
        turn_id=None,
    )
    return Promise(
        asked.case.case_id,
        conversation.public_id,
        asked.status,
        conversation.control,
        conversation.control_epoch,
        asked.fresh,
    )
