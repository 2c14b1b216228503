"""Reading summaries: one conversation's, a customer's latest, and how they are told as text, JSON and draft."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from persistence.privacy.redaction import REDACTION_VERSION, redact_text
from summarization.draft import Draft, Statement
from summarization.models import ConversationSummary

# Neither the hash nor what it took says anything to a model; ``conversation`` is joined for how it stands now.
FOR_RECALL = (
    *("from_seq", "to_seq", "problem", "solution", "status", "status_because", "topics", "open_questions"),
    *("citations", "language", "summarized_at", "redaction_version"),
    *("conversation__public_id", "conversation__channel", "conversation__last_seq"),
    "conversation__last_turn_at",
)


def summary_of(domain: str, conversation_id: UUID) -> ConversationSummary | None:
    """Return the summary of a domain's conversation, or None; another domain's is None too."""
    found = ConversationSummary.objects.select_related("conversation")
    return found.filter(conversation__domain=domain, conversation__public_id=conversation_id).first()


def latest_of_customer(
    domain: str, customer_ref: str, *, limit: int, but_of: int | None = None
) -> list[ConversationSummary]:
    """Return a customer's latest summaries, those of the conversation that spoke last first.

    ``but_of`` is the primary key of a conversation to leave out. Reads all conversations of the customer, by index.
    """
    found = ConversationSummary.objects.filter(
        conversation__domain=domain, conversation__customer_ref=customer_ref
    )
    if but_of is not None:
        found = found.exclude(conversation_id=but_of)
    latest = found.select_related("conversation").only(*FOR_RECALL)
    return list(latest.order_by("-conversation__last_turn_at", "-conversation_id")[:limit])


def newer(summary: ConversationSummary) -> int:
    """Return how many turns were said after what the summary covers; its conversation is loaded."""
    return max(summary.conversation.last_seq - summary.to_seq, 0)


def coverage(from_seq: int, to_seq: int, newer_turns: int) -> str:
    """Return what a summary covers, in words: ``covers turns 1–87, 3 newer``."""
    covered = f"turn {to_seq:,}" if from_seq == to_seq else f"turns {from_seq:,}–{to_seq:,}"
    return f"covers {covered}" + (f", {newer_turns:,} newer" if newer_turns else "")


def text_of(summary: ConversationSummary) -> str:
    """Return what a summary says, a line for each kind of statement. Written by strangers: delimit it."""
    problem, solution = by_todays_rules(summary, [summary.problem, summary.solution])
    return lines(
        ("Problem", problem),
        ("Solution", solution),
        ("Topics", "; ".join(by_todays_rules(summary, summary.topics))),
        ("Open questions", "; ".join(by_todays_rules(summary, summary.open_questions))),
    )


def by_todays_rules(summary: ConversationSummary, texts: Sequence[str]) -> list[str]:
    """Return texts of a summary redacted as they would be today; what other rules let pass reaches no model."""
    todays = summary.redaction_version == REDACTION_VERSION
    return list(texts) if todays else [redact_text(text) for text in texts]


def lines(*labelled: tuple[str, str]) -> str:
    """Return labelled texts, one to a line; empty ones are left out, and a text cannot begin a line of its own."""
    return "\n".join(f"{label}: {' '.join(text.split())}" for label, text in labelled if text.strip())


def as_record(summary: ConversationSummary) -> dict[str, Any]:
    """Return the whole record for a caller; its conversation is loaded."""
    turns = newer(summary)
    return {
        "conversation_id": summary.conversation.public_id,
        "covers": [summary.from_seq, summary.to_seq],
        "newer": turns,
        "stale": turns > 0,
        "status": summary.status,
        "status_because": summary.status_because,
        "problem": summary.problem,
        "solution": summary.solution,
        "topics": summary.topics,
        "open_questions": summary.open_questions,
        "citations": summary.citations,
        "support": summary.support,
        "language": summary.language,
        "source_turn_count": summary.source_turn_count,
        "redaction_version": summary.redaction_version,
        "backend": summary.backend,
        "model": summary.model,
        "prompt_version": summary.prompt_version,
        "fallback_for": summary.fallback_for or None,
        "tokens_in": summary.tokens_in,
        "tokens_out": summary.tokens_out,
        "cost_usd": float(summary.cost_usd),
        "duration_ms": summary.duration_ms,
        "number": summary.number,
        "summarized_at": summary.summarized_at,
    }


def draft_of(summary: ConversationSummary) -> Draft:
    """Return the draft that a summary was stored from; a statement whose support is missing cites all its turns."""
    support = summary.support if isinstance(summary.support, dict) else {}
    everything = tuple(summary.citations)

    def one(name: str) -> Statement | None:
        [text] = by_todays_rules(summary, [getattr(summary, name)])
        return Statement(text, tuple(support.get(name) or everything)) if text else None

    def several(name: str) -> tuple[Statement, ...]:
        texts = by_todays_rules(summary, getattr(summary, name))
        cited = support.get(name) or []
        padded = [*cited, *([everything] * (len(texts) - len(cited)))]
        return tuple(
            Statement(text, tuple(turns)) for text, turns in zip(texts, padded[: len(texts)], strict=True)
        )

    return Draft(
        problem=one("problem"),
        solution=one("solution"),
        topics=several("topics"),
        open_questions=several("open_questions"),
        language=summary.language,
    )
