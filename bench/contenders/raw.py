"""The limit: the same rows from one prepared data-modifying statement of psycopg2 in autocommit mode.

No check, no redaction, no hashing, no question whether the request is a replay: nothing but the writes. Its parameters
are made before the clock starts.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Callable
from typing import Any

import psycopg2
import uuid_utils
from django.conf import settings

from bench.contenders.shape import CHANNEL, DOMAIN, TURNS_PER_CONVERSATION, fresh, timings
from bench.harness.words import exchanges

PARAMETERS = {
    "conversation_id": "uuid",
    "domain": "text",
    "channel": "text",
    "session_hash": "bytea",
    "turn_id": "uuid",
    "request_id": "text",
    "fingerprint": "bytea",
    "messages": "jsonb",
    "salt": "bytea",
    "content_digest": "bytea",
    "prev_digest": "bytea",
    "event_id": "uuid",
    "destinations": "text[]",
}
WRITE = """
WITH c AS (
    INSERT INTO persistence_conversation AS conversation (public_id, domain, channel, session_hash, hash_version,
        control, control_epoch, last_seq, chain_head, archived_through_seq)
    VALUES ({conversation_id}, {domain}, {channel}, {session_hash}, 1, 'bot', 0, 1,
        sha256({prev_digest} || {content_digest}), 0)
    ON CONFLICT (session_hash, hash_version) WHERE NOT (control = 'closed') DO UPDATE
    SET last_seq = conversation.last_seq + 1, chain_head = sha256(conversation.chain_head || {content_digest}),
        last_turn_at = now()
    RETURNING id, public_id, last_seq, chain_head, control, control_epoch
), t AS (
    INSERT INTO persistence_turn (turn_id, conversation_id, seq, domain, request_id, fingerprint, messages, escalated,
        reason_codes, "references", metadata, redaction_version, control, control_epoch, salt, content_digest,
        prev_digest, digest)
    SELECT {turn_id}, id, last_seq, {domain}, {request_id}, {fingerprint}, {messages}, false, '[]', '[]', '{{}}', 1,
        control, control_epoch, {salt}, {content_digest}, {prev_digest}, chain_head FROM c
    RETURNING created_at
), e AS (
    INSERT INTO outbox_event (event_id, event_type, schema_version, ordering_key, ordering_seq, payload, headers)
    SELECT {event_id}, 'turn.recorded', 1, public_id::text, last_seq,
        jsonb_build_object('conversation_id', public_id, 'turn_id', {turn_id}, 'seq', last_seq),
        jsonb_build_object('request_id', {request_id}) FROM c
), l AS (
    INSERT INTO outbox_lane AS lane (destination, ordering_key, due_at, token, rescues, parked_reason)
    SELECT destination, public_id::text, now(), 0, 0, '' FROM c, unnest({destinations}) AS destination
    ON CONFLICT (destination, ordering_key) DO UPDATE SET due_at =
        CASE WHEN lane.due_at = 'infinity' AND lane.parked_reason = '' THEN now() ELSE lane.due_at END
    RETURNING id
), d AS (
    INSERT INTO outbox_delivery (lane_id, event_id, seq, status, attempts, next_at, last_error_code)
    SELECT l.id, {event_id}, c.last_seq, 'pending', 0, now(), '' FROM l, c
)
SELECT c.public_id, c.last_seq, c.control, c.control_epoch, t.created_at FROM c, t
"""
PLACES = {name: f"${number}" for number, name in enumerate(PARAMETERS, start=1)}
PREPARE = f"PREPARE turn ({', '.join(PARAMETERS.values())}) AS {WRITE.format_map(PLACES)}"
EXECUTE = f"EXECUTE turn ({', '.join(f'%({name})s' for name in PARAMETERS)})"


class Raw:
    """Writes chats of ten turns each."""

    def __init__(self) -> None:
        connection = psycopg2.connect(settings.DATABASE_URL)
        connection.autocommit = True
        self._cursor = connection.cursor()
        self._cursor.execute(PREPARE)
        self._messages = itertools.cycle(json.dumps(messages) for messages in exchanges())
        self._sessions = fresh("session", TURNS_PER_CONVERSATION)
        self._requests = fresh("request")

    def __call__(self, turns: int) -> list[float]:
        """Return how many milliseconds each of the turns took."""
        return timings(self._next, turns)

    def _next(self) -> Callable[[], object]:
        values = {
            "conversation_id": str(uuid_utils.uuid7()),
            "domain": DOMAIN,
            "channel": CHANNEL,
            "session_hash": hashlib.sha256(next(self._sessions).encode()).digest(),
            "turn_id": str(uuid_utils.uuid7()),
            "request_id": next(self._requests),
            "fingerprint": os.urandom(32),
            "messages": next(self._messages),
            "salt": os.urandom(16),
            "content_digest": os.urandom(32),
            "prev_digest": os.urandom(32),
            "event_id": str(uuid_utils.uuid7()),
            "destinations": ["archive"],
        }
        return lambda: self._write(values)

    def _write(self, values: dict[str, Any]) -> Any:
        self._cursor.execute(EXECUTE, values)
        return self._cursor.fetchone()
