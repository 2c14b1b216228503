"""``archive restore``: rebuild an empty database from the bucket alone.

One transaction: it is restored, or nothing is. What cannot be trusted is left out and named; everything else comes
back, with its numbers, digests, request ids and fingerprints, so that retries and the next turn carry on. Documents
about conversations are left where they are: they are derived from turns, and are made anew.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import groupby, islice
from typing import Any

from django.db import connection, transaction
from psycopg2.extras import execute_values

from persistence.archive.chain import ChainBreak, ChainCheck
from persistence.archive.objects import PREFIX, AlteredObject, ArchivedTurn, decode
from persistence.archive.sinks import Sink, SinkError
from persistence.models import Conversation

BATCH = 512
# A session that was closed and came back has several conversations; only the latest of them is live.
CLOSE_EARLIER = """
UPDATE persistence_conversation SET control = 'closed'
WHERE session_hash = %(session_hash)s AND hash_version = %(hash_version)s AND control <> 'closed'
"""
CONVERSATION = """
INSERT INTO persistence_conversation (public_id, domain, channel, session_hash, hash_version, customer_ref, control,
    control_epoch, last_seq, chain_head, last_turn_at, created_at, archived_through_seq) VALUES %s RETURNING id
"""
TURNS = """
INSERT INTO persistence_turn (conversation_id, seq, created_at, control, control_epoch, salt, content_digest,
    prev_digest, digest, turn_id, domain, request_id, fingerprint, customer_ref, messages, confidence, escalated,
    reason_codes, "references", error_code, model, latency_ms, tokens_in, tokens_out, metadata, redaction_version)
VALUES %s
"""


class NotEmpty(Exception):
    """There are conversations in the database already; restoring would mix two truths."""

    def __init__(self) -> None:
        super().__init__(
            "The database already holds conversations. Nothing was changed. Restore into a new, migrated database."
        )


@dataclass(slots=True)
class Restoration:
    """What came back, and what did not: objects that cannot be trusted, and gaps in chains."""

    conversations: int = 0
    turns: int = 0
    altered: list[str] = field(default_factory=list)
    chain_breaks: list[ChainBreak] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.altered or self.chain_breaks)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.ok}


def restore(
    sink: Sink, *, threads: int = 4, progress: Callable[[int], None] = lambda turns: None
) -> Restoration:
    """Read every object and write its turn. Raises NotEmpty, and SinkError when the store cannot be read.

    Turns that never reached the bucket cannot be known to it: the end of a chain is where its last object is.
    """
    result = Restoration()
    chain = ChainCheck()
    with transaction.atomic(durable=True), ThreadPoolExecutor(threads) as pool, connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        if Conversation.objects.exists():
            raise NotEmpty
        turns = readable_turns(sink, pool, result)
        for _, group in groupby(turns, lambda turn: turn.conversation_id):
            conversation = list(group)
            for turn in conversation:
                chain.see(turn)
            write_conversation(cursor, conversation)
            result.conversations += 1
            result.turns += len(conversation)
            progress(result.turns)
    result.chain_breaks = chain.finish()
    return result


def readable_turns(sink: Sink, pool: ThreadPoolExecutor, result: Restoration) -> Iterator[ArchivedTurn]:
    """Yield the turns in the bucket in key order; what is no turn of ours is named in ``result`` and left out."""

    def read(key: str) -> ArchivedTurn | str:
        try:
            return decode(key, sink.get(key))
        except AlteredObject as error:
            return f"{key}: {error}"
        except SinkError as error:
            if error.endpoint_down:
                raise
            return f"{key}: {error}"

    keys = (stored.key for stored in sink.list(PREFIX))
    while batch := list(islice(keys, BATCH)):
        for found in pool.map(read, batch):
            if isinstance(found, ArchivedTurn):
                yield found
            else:
                result.altered.append(found)


def write_conversation(cursor: Any, turns: list[ArchivedTurn]) -> None:
    """Write one conversation as its turns say it was, and the turns.

    Cases are not in the bucket, so nobody would come to a conversation that waits for a human: control is the
    assistant's again, under an epoch of its own.
    """
    first, last = turns[0], turns[-1]
    customers = [turn.content["customer_ref"] for turn in turns if turn.content["customer_ref"]]
    conversation = (
        str(first.conversation_id),
        first.content["domain"],
        first.content["channel"],
        bytes.fromhex(first.content["session_hash"]),
        first.content["hash_version"],
        customers[-1] if customers else None,
        "bot",
        last.control_epoch + (last.control != "bot"),
        last.seq,
        last.digest,
        last.created_at,
        first.created_at,
        last.seq,
    )
    cursor.execute(CLOSE_EARLIER, {"session_hash": conversation[3], "hash_version": conversation[4]})
    ((conversation_pk,),) = execute_values(cursor, CONVERSATION, [conversation], fetch=True)
    execute_values(cursor, TURNS, [turn_row(conversation_pk, turn) for turn in turns], page_size=BATCH)


def turn_row(conversation_pk: int, turn: ArchivedTurn) -> tuple[Any, ...]:
    """Return the values of ``TURNS`` for one turn."""
    content = turn.content
    return (
        conversation_pk,
        turn.seq,
        turn.created_at,
        turn.control,
        turn.control_epoch,
        turn.salt,
        turn.content_digest,
        turn.prev_digest,
        turn.digest,
        content["turn_id"],
        content["domain"],
        content["request_id"],
        bytes.fromhex(content["fingerprint"]),
        content["customer_ref"],
        json.dumps(content["messages"]),
        content["confidence"],
        content["escalated"],
        json.dumps(content["reason_codes"]),
        json.dumps(content["references"]),
        content["error_code"],
        content["model"],
        content["latency_ms"],
        content["tokens_in"],
        content["tokens_out"],
        json.dumps(content["metadata"]),
        content["redaction_version"],
    )
