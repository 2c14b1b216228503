"""The last thing that a desk hears of a case: the customer's data was erased, please delete the ticket.

The case is gone when this is sent, so the event carries the desk's id of the ticket, and nothing about the customer.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handoff.connectors.port import Answer
from handoff.models import ExternalLink
from outbox.outcomes import ClaimedDelivery

NOTE = "case.note"
AUTHOR = "Holdfast"
TEXT = "The customer's data was erased here. Please delete this ticket and what was copied from it."


def notice(link: ExternalLink, now: datetime) -> dict[str, Any]:
    """Return the payload of a note that asks for the ticket of that link; its case and conversation are loaded."""
    case = link.case
    return {
        "case_id": str(case.case_id),
        "conversation_id": str(case.conversation.public_id),
        "domain": case.domain,
        "channel": case.channel,
        "seq": case.event_seq + 1,
        "author": AUTHOR,
        "text": TEXT,
        "created_at": now.isoformat(),
        "external_id": link.external_id,
        "erased": True,
    }


def ticket_erased(delivery: ClaimedDelivery) -> str:
    """Return the desk's id of the ticket that a notice is about, "" for every other event."""
    payload: Mapping[str, Any] = delivery.payload
    return str(payload.get("external_id", "")) if payload.get("erased") is True else ""


def unquoted(answer: Answer) -> Answer:
    """Return the answer without what the desk said: it may show the ticket, and with it what was erased here."""
    return Answer(answer.outcome, answer.external_id, answer.external_url, answer.status_code)
