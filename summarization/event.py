"""``conversation.summarized``, schema 1: a summary as the archive and other systems hear of it."""

from typing import Any
from uuid import UUID

from summarization.models import ConversationSummary

EVENT_TYPE = "conversation.summarized"
MOST_BYTES = 64 * 1024


def payload_of(
    summary: ConversationSummary, *, conversation_id: UUID, channel: str, customer_ref: str | None
) -> dict[str, Any]:
    """Return everything that the record says. Whoever has it needs no second request."""
    return {
        "conversation_id": str(conversation_id),
        "domain": summary.domain,
        "channel": channel,
        "customer_ref": customer_ref,
        "number": summary.number,
        "covers": [summary.from_seq, summary.to_seq],
        "source_turn_count": summary.source_turn_count,
        "problem": summary.problem,
        "solution": summary.solution,
        "status": summary.status,
        "status_because": summary.status_because,
        "topics": summary.topics,
        "open_questions": summary.open_questions,
        "citations": summary.citations,
        "support": summary.support,
        "language": summary.language,
        "redaction_version": summary.redaction_version,
        "backend": summary.backend,
        "model": summary.model,
        "prompt_version": summary.prompt_version,
        "fallback_for": summary.fallback_for,
        "input_hash": bytes(summary.input_hash).hex(),
        "tokens_in": summary.tokens_in,
        "tokens_out": summary.tokens_out,
        "cost_usd": str(summary.cost_usd),
        "duration_ms": summary.duration_ms,
        "summarized_at": summary.summarized_at.isoformat(),
    }
