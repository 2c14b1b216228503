"""``settle``: keep what came of a conversation, if the claim on it is still held and the conversation still there."""

import contextlib
import json
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction
from psycopg2.errors import DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure

from outbox.enqueue import enqueue
from persistence.database import translated
from persistence.errors import PersistenceUnavailable
from summarization.claims import Claim, Spent, end, fail
from summarization.compose import Composed
from summarization.draft import Draft, Source, Statement
from summarization.event import EVENT_TYPE, MOST_BYTES, payload_of
from summarization.models import ConversationSummary
from summarization.outside import outside

# Erasure locks conversations first, too. A key share lets new turns pass and an erasure wait.
LOCK = "SELECT 1 FROM persistence_conversation WHERE id = %s FOR KEY SHARE"
# What cost nothing need not wait for the disk: should Postgres crash within the next half second, summary, claim and
# event are gone together, and it is made again.
DO_NOT_WAIT = "SET LOCAL synchronous_commit = off"
COLUMNS = (
    *("conversation_id", "domain", "from_seq", "to_seq", "input_hash", "problem", "solution", "status"),
    *("status_because", "topics", "open_questions", "citations", "support", "language", "source_turn_count"),
    *("redaction_version", "backend", "model", "prompt_version", "fallback_for", "tokens_in", "tokens_out"),
    *("cost_usd", "duration_ms"),
)
# What is there stays when it has read further, and when a stand-in would replace a full summary of the same turns.
STORE = f"""
INSERT INTO summarization_summary AS old ({", ".join(COLUMNS)}, number, summarized_at)
VALUES ({", ".join(f"%({name})s" for name in COLUMNS)}, 1, clock_timestamp())
ON CONFLICT (conversation_id) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}, number = old.number + 1,
    summarized_at = clock_timestamp()
WHERE old.to_seq < excluded.to_seq
    OR (old.to_seq = excluded.to_seq AND (excluded.fallback_for = '' OR old.fallback_for <> ''))
RETURNING id, number, summarized_at
"""
JSON = ("topics", "open_questions", "citations", "support")
TRIES = 3
BUSY = (LockNotAvailable, DeadlockDetected, QueryCanceled, SerializationFailure)


class _ClaimLost(Exception):
    """Somebody else holds the conversation by now, or it is erased. Expected; rolls back what was begun."""


class _TooLarge(ValueError):
    """The record does not fit into an event."""


def settle(claim: Claim, source: Source, composed: Composed) -> ConversationSummary | None:
    """Store the summary, say how the claim ended, and tell whoever listens, in one durable transaction.

    1. lock the conversation · 2. end the claim, by its token · 3. store, unless what is there is better · 4. enqueue
    ``conversation.summarized``. Returns the summary that was stored, or the better one that was kept.

    None when nothing was stored: the claim was lost, the conversation erased, there is no draft, or Postgres refused
    this one, which is then failed by a statement of its own so that the next conversation is none the worse. Raises
    PersistenceUnavailable when Postgres did not answer; the claim then runs out.
    """
    for left in reversed(range(TRIES)):
        try:
            with translated(), transaction.atomic(durable=True):
                return _settled(claim, source, composed)
        except _ClaimLost:
            return None
        except (
            DataError,
            IntegrityError,
            ValueError,
        ) as error:  # ValueError: psycopg2's own, of NUL and surrogates
            _refused(claim, source, composed, "not_storable", f"Postgres refused it: {_kind(error)}.")
            return None
        except PersistenceUnavailable as error:
            if not _busy(error):
                raise
            if not left:
                _refused(claim, source, composed, "database_busy", "Other work held its rows for too long.")
    return None


def _settled(claim: Claim, source: Source, composed: Composed) -> ConversationSummary | None:
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [source.conversation_pk])
        if cursor.fetchone() is None:
            raise _ClaimLost
        if not composed.tokens_in:
            cursor.execute(DO_NOT_WAIT)
    state = "failed" if composed.failure else "done"
    # An outage is not the conversation's fault. A time-out may be, and is paid for: it counts.
    counts = not composed.unavailable or composed.tokens_in > 0
    if not end(
        claim,
        state,
        composed.failure,
        composed.detail,
        spent(composed),
        to_seq=source.to_seq,
        counts=counts,
    ):
        raise _ClaimLost
    if composed.draft is None:
        return None
    summary = _summary(source, composed, composed.draft)
    if not _stored(summary):
        return ConversationSummary.objects.get(conversation_id=source.conversation_pk)
    _tell(source, summary)
    return summary


def spent(composed: Composed) -> Spent:
    """Return what the try took."""
    return Spent(composed.tokens_in, composed.tokens_out, composed.cost_usd)


def _summary(source: Source, composed: Composed, draft: Draft) -> ConversationSummary:
    support = {
        "problem": _cited(draft.problem),
        "solution": _cited(draft.solution),
        "topics": [list(topic.citations) for topic in draft.topics],
        "open_questions": [list(question.citations) for question in draft.open_questions],
    }
    return ConversationSummary(
        conversation_id=source.conversation_pk,
        domain=source.domain,
        from_seq=1,
        to_seq=source.to_seq,
        input_hash=composed.input_hash,
        problem=draft.problem.text if draft.problem else "",
        solution=draft.solution.text if draft.solution else "",
        status=composed.status,
        status_because=composed.status_because[:100],
        topics=[topic.text for topic in draft.topics],
        open_questions=[question.text for question in draft.open_questions],
        citations=sorted({seq for statement in draft.statements() for seq in statement.citations}),
        support=support,
        language=draft.language[:8],
        source_turn_count=len(source.turns),
        redaction_version=source.redaction_version,
        backend=composed.backend,
        model=composed.model[:200],
        prompt_version=composed.prompt_version[:40],
        fallback_for=composed.fallback_for,
        tokens_in=composed.tokens_in,
        tokens_out=composed.tokens_out,
        cost_usd=composed.cost_usd,
        duration_ms=composed.duration_ms,
    )


def _cited(statement: Statement | None) -> list[int]:
    return list(statement.citations) if statement else []


def _stored(summary: ConversationSummary) -> bool:
    """Write the row and take over what Postgres decided about it; False where the one that is there was kept."""
    values: dict[str, Any] = {name: getattr(summary, name) for name in COLUMNS}
    values |= {name: json.dumps(values[name]) for name in JSON}
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)
        row = cursor.fetchone()
    if row is None:
        return False
    summary.pk, summary.number, summary.summarized_at = row
    summary._state.adding, summary._state.db = False, "default"
    return True


def _tell(source: Source, summary: ConversationSummary) -> None:
    payload = payload_of(
        summary,
        conversation_id=source.conversation_id,
        channel=source.channel,
        customer_ref=source.customer_ref,
    )
    if len(json.dumps(payload, ensure_ascii=False).encode()) >= MOST_BYTES:
        raise _TooLarge
    enqueue(
        EVENT_TYPE,
        payload,
        ordering_key=str(source.conversation_id),
        ordering_seq=source.to_seq,
        idempotency_key=f"summary:{source.conversation_id}:{summary.number}",
        destinations=outside().listeners(source.domain),
    )


def _refused(claim: Claim, source: Source, composed: Composed, reason: str, detail: str) -> None:
    # An erasure may hold the item's row as well; the claim runs out then.
    with contextlib.suppress(PersistenceUnavailable), translated():
        fail(claim, reason, detail, spent(composed), to_seq=source.to_seq)


def _kind(error: Exception) -> str:
    # The message of a database error may quote the row; its kind does not.
    return (
        "the record is larger than 64 KiB"
        if isinstance(error, _TooLarge)
        else type(error.__cause__ or error).__name__
    )


def _busy(error: PersistenceUnavailable) -> bool:
    return isinstance(getattr(error.__cause__, "__cause__", None), BUSY)
