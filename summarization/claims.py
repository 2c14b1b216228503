"""Claims: whoever holds one summarises a conversation, and nobody else can store what comes of it.

Every function is one statement in autocommit mode, so nothing is locked while a conversation is read or a model
thinks; all but those that take change nothing once the claim is lost. Leases end by the database's clock.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

# How often a conversation may take its worker down with it before it counts as failed.
MOST_RESCUES = 2
WORKER_LOST = "worker_lost"
LOST_DETAIL = f"Its worker was lost {MOST_RESCUES + 1} times in a row while it held this conversation."

CLAIM = """
state = 'working', claimed_by = gen_random_uuid(),
claimed_until = clock_timestamp() + %(lease)s * interval '1 second', updated_at = clock_timestamp()
"""
# The array makes the planner pick the rows first and update exactly those. Both reads use summarization_item_open.
PENDING = f"""
WITH free AS MATERIALIZED (
    SELECT conversation_id FROM summarization_item
    WHERE run_id = %(run)s AND chunk = %(chunk)s AND state = 'pending'
    ORDER BY conversation_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE summarization_item SET {CLAIM}
WHERE conversation_id = ANY (ARRAY (SELECT conversation_id FROM free))
RETURNING conversation_id, claimed_by, to_seq, failures, run_id, rescues
"""
EXPIRED = f"""
WITH free AS MATERIALIZED (
    SELECT conversation_id FROM summarization_item
    WHERE run_id = %(run)s AND chunk = %(chunk)s AND state = 'working'
        AND claimed_until < clock_timestamp()
    ORDER BY conversation_id LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE summarization_item SET {CLAIM}, rescues = rescues + 1
WHERE conversation_id = ANY (ARRAY (SELECT conversation_id FROM free))
RETURNING conversation_id, claimed_by, to_seq, failures, run_id, rescues
"""
# What is said since an earlier failure deserves tries of its own. The conversation is locked first, as everywhere:
# one that is being erased is waited for, and not found then.
ONE = f"""
INSERT INTO summarization_item AS item (
    conversation_id, domain, chunk, state, to_seq, claimed_by, claimed_until, failures, reason, detail,
    tokens_in, tokens_out, cost_usd
)
SELECT id, domain, 0, 'working', last_seq, gen_random_uuid(), clock_timestamp() + %(lease)s * interval '1 second',
       0, '', '', 0, 0, 0
FROM persistence_conversation WHERE id = %(conversation)s AND last_seq > 0 FOR KEY SHARE
ON CONFLICT (conversation_id) DO UPDATE SET {CLAIM}, to_seq = excluded.to_seq,
    failures = CASE WHEN item.to_seq = excluded.to_seq THEN item.failures ELSE 0 END
WHERE item.state <> 'working' OR item.claimed_until < clock_timestamp()
RETURNING conversation_id, claimed_by, to_seq, failures, run_id, rescues
"""
# Only while somebody waits for it: whoever read the list earlier may come to what another has done, or the night has.
WAITING = f"""
UPDATE summarization_item SET {CLAIM}
WHERE conversation_id = %(conversation)s AND run_id IS NULL AND state = 'pending'
RETURNING conversation_id, claimed_by, to_seq, failures, run_id, rescues
"""
END = """
UPDATE summarization_item
SET state = %(state)s, claimed_by = NULL, claimed_until = NULL, rescues = 0,
    failures = %(failed)s + CASE WHEN to_seq = %(to_seq)s THEN failures ELSE 0 END, to_seq = %(to_seq)s,
    reason = %(reason)s, detail = %(detail)s, tokens_in = %(tokens_in)s, tokens_out = %(tokens_out)s,
    cost_usd = %(cost_usd)s, updated_at = clock_timestamp()
WHERE conversation_id = %(conversation)s AND claimed_by = %(token)s
"""
RELEASE = """
UPDATE summarization_item
SET state = 'pending', claimed_by = NULL, claimed_until = NULL, rescues = 0, updated_at = clock_timestamp()
WHERE conversation_id = %(conversation)s AND claimed_by = %(token)s
"""
MOST_REASON, MOST_DETAIL = 60, 500


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to summarise one conversation until the lease ends.

    ``to_seq`` is how far the conversation had come when it was planned, ``failures`` how often that stretch has failed
    on earlier nights.
    """

    conversation_pk: int
    token: UUID
    to_seq: int
    failures: int
    run_pk: int | None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a try took, whatever came of it."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: Decimal = Decimal(0)


NOTHING_SPENT = Spent()


def take(run_pk: int, chunk: int, limit: int, lease_seconds: float) -> list[Claim]:
    """Claim up to ``limit`` conversations of a run's chunk that nobody holds; [] when there are none.

    What a lost worker left is taken over alone: among many, the one that kills its worker would take the others along
    each time. After the third loss it is failed instead (``worker_lost``).
    """
    wanted = {"run": run_pk, "chunk": chunk, "limit": limit, "lease": lease_seconds}
    while rescued := _rows(EXPIRED, wanted):
        [(claim, rescues)] = rescued
        if rescues <= MOST_RESCUES:
            return [claim]
        fail(claim, WORKER_LOST, LOST_DETAIL)
    return sorted((claim for claim, _ in _rows(PENDING, wanted)), key=lambda claim: claim.conversation_pk)


def take_one(conversation_pk: int, lease_seconds: float) -> Claim | None:
    """Claim one conversation as far as it has come, planned or not; None while somebody holds it, or when it is gone.

    An item of a run that is still going stays that run's.
    """
    found = _rows(ONE, {"conversation": conversation_pk, "lease": lease_seconds})
    return found[0][0] if found else None


def take_waiting(conversation_pk: int, lease_seconds: float) -> Claim | None:
    """Claim a conversation for which somebody waits; None when somebody has come to it, or it is gone."""
    found = _rows(WAITING, {"conversation": conversation_pk, "lease": lease_seconds})
    return found[0][0] if found else None


def skip(claim: Claim, reason: str, *, to_seq: int | None = None) -> bool:
    """Settle: there is nothing to summarise up to ``to_seq`` (the claim's own when None), and why.

    False when the claim was lost; nothing has changed then.
    """
    return end(claim, "skipped", reason, to_seq=to_seq)


def fail(
    claim: Claim, reason: str, detail: str, spent: Spent = NOTHING_SPENT, *, to_seq: int | None = None
) -> bool:
    """Settle: it did not work, and why. ``detail`` holds nothing of what was said. False when the claim was lost."""
    return end(claim, "failed", reason, detail, spent, to_seq=to_seq)


def release(claim: Claim) -> bool:
    """Give the claim back undone, for whoever comes next. False when it was lost."""
    return _changed(RELEASE, {"conversation": claim.conversation_pk, "token": claim.token})


def end(
    claim: Claim,
    state: str,
    reason: str = "",
    detail: str = "",
    spent: Spent = NOTHING_SPENT,
    *,
    to_seq: int | None = None,
    counts: bool = True,
) -> bool:
    """Write how it ended, where the claim is still held; inside a transaction, as part of it.

    ``counts``: a failure is the conversation's own, and after two it rests.
    """
    values: dict[str, Any] = {
        "conversation": claim.conversation_pk,
        "token": claim.token,
        "state": state,
        "to_seq": claim.to_seq if to_seq is None else to_seq,
        "failed": int(state == "failed" and counts),
        "reason": reason[:MOST_REASON],
        "detail": detail[:MOST_DETAIL].replace("\x00", ""),
        "tokens_in": spent.tokens_in,
        "tokens_out": spent.tokens_out,
        "cost_usd": spent.cost_usd,
    }
    return _changed(END, values)


def _changed(statement: str, values: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.rowcount)


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Claim, int]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [(Claim(*row[:-1]), row[-1]) for row in cursor.fetchall()]
