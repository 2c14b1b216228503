"""Summaries that are there already, as if a night had made them."""

from typing import Any

from persistence.models import Conversation
from summarization.models import ConversationSummary, DomainPolicy
from tests.summarization.support import conversation

SAID = {
    "problem": "My parcel 4711 has not arrived.",
    "solution": "A new parcel leaves the warehouse tomorrow morning.",
    "topics": ["parcel 4711", "customs in Lisbon"],
    "open_questions": [],
    "citations": [1, 2],
    "support": {"problem": [1], "solution": [2], "topics": [[1], [1]], "open_questions": []},
}


def stored(pk: int, **changes: Any) -> ConversationSummary:
    """Store a summary of the conversation as far as it has come."""
    found = Conversation.objects.get(pk=pk)
    values: dict[str, Any] = SAID | {
        "domain": found.domain,
        "from_seq": 1,
        "to_seq": found.last_seq,
        "input_hash": b"h" * 32,
        "status": "resolved",
        "status_because": "case closed as resolved",
        "language": "en",
        "source_turn_count": found.last_seq,
        "redaction_version": 1,
        "backend": "extractive",
        "model": "test",
        "prompt_version": "1",
    }
    return ConversationSummary.objects.create(conversation=found, **values | changes)


def summarized(
    customer_ref: str | None = "ann", *, domain: str = "demo", **changes: Any
) -> ConversationSummary:
    """Record a conversation of that customer and store its summary."""
    return stored(conversation(customer_ref=customer_ref, domain=domain), **changes)


def switch_on(domain: str = "demo") -> None:
    """Switch recall on, as an operator who has sampled would."""
    DomainPolicy.objects.update_or_create(domain=domain, defaults={"recall": True})
