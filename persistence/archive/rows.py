"""Turns read from Postgres in the form that is archived."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from persistence.archive.objects import ArchivedTurn

COLUMNS = """
    c.public_id, t.seq, t.created_at, t.control, t.control_epoch, t.salt, t.content_digest, t.prev_digest, t.digest,
    t.turn_id, c.domain, c.channel, c.session_hash, c.hash_version, t.request_id, t.fingerprint, t.customer_ref,
    t.messages, t.confidence, t.escalated, t.reason_codes, t."references", t.error_code, t.model, t.latency_ms,
    t.tokens_in, t.tokens_out, t.metadata, t.redaction_version
"""
JOIN = "FROM persistence_turn AS t JOIN persistence_conversation AS c ON c.id = t.conversation_id"
BY_TURN = f"SELECT {COLUMNS} {JOIN} WHERE t.turn_id = ANY (%(turn_ids)s::uuid[])"
IN_KEY_ORDER = f"""
SELECT {COLUMNS}, c.last_seq, c.chain_head {JOIN}
WHERE (c.public_id, t.seq) > (%(conversation)s, %(seq)s) AND c.public_id >= %(conversation)s
ORDER BY c.public_id, t.seq LIMIT %(limit)s
"""
FIRST = UUID(int=0)


def turns_by_id(turn_ids: Sequence[str]) -> dict[str, ArchivedTurn]:
    """Return the turns by id (text); ids without a turn are left out."""
    with connection.cursor() as cursor:
        cursor.execute(BY_TURN, {"turn_ids": list(turn_ids)})
        found = [from_row(row) for row in cursor.fetchall()]
    return {turn.content["turn_id"]: turn for turn in found}


def turns_in_key_order(batch: int = 500) -> Iterator[tuple[ArchivedTurn, int, bytes]]:
    """Yield every turn in the order of archive keys, with its conversation's last_seq and chain head.

    Read in pages by key, each a short statement of its own: memory stays flat and no snapshot is held open.
    """
    conversation, seq = FIRST, 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(IN_KEY_ORDER, {"conversation": conversation, "seq": seq, "limit": batch})
            rows = cursor.fetchall()
        for *row, last_seq, chain_head in rows:
            turn = from_row(row)
            conversation, seq = turn.conversation_id, turn.seq
            yield turn, last_seq, bytes(chain_head)
        if len(rows) < batch:
            return


def from_row(row: Sequence[Any]) -> ArchivedTurn:
    """Build the turn from ``COLUMNS``; the content has the keys that ``prepare.content_of`` gave it."""
    (
        public_id,
        seq,
        created_at,
        control,
        control_epoch,
        salt,
        content_digest,
        prev_digest,
        digest,
        *content,
    ) = row
    (turn_id, domain, channel, session_hash, hash_version, request_id, fingerprint, customer_ref, *facts) = (
        content
    )
    (messages, confidence, escalated, reason_codes, references, error_code, model, latency_ms, *rest) = facts
    (tokens_in, tokens_out, metadata, redaction_version) = rest
    return ArchivedTurn(
        conversation_id=public_id,
        seq=seq,
        created_at=created_at,
        control=control,
        control_epoch=control_epoch,
        salt=bytes(salt),
        content_digest=bytes(content_digest),
        prev_digest=bytes(prev_digest),
        digest=bytes(digest),
        content={
            "turn_id": str(turn_id),
            "domain": domain,
            "channel": channel,
            "session_hash": bytes(session_hash).hex(),
            "hash_version": hash_version,
            "request_id": request_id,
            "fingerprint": bytes(fingerprint).hex(),
            "customer_ref": customer_ref,
            "messages": json.loads(messages),
            "confidence": confidence,
            "escalated": escalated,
            "reason_codes": json.loads(reason_codes),
            "references": json.loads(references),
            "error_code": error_code,
            "model": model,
            "latency_ms": latency_ms,
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "metadata": json.loads(metadata),
            "redaction_version": redaction_version,
        },
    )
