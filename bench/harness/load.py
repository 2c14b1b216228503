"""Filling the tables quickly, with rows as Holdfast writes them."""

import json
from collections.abc import Sequence

from django.conf import settings

from bench.contenders.shape import CHANNEL, DOMAIN, TURNS_PER_CONVERSATION
from bench.harness.private import settle_down, unhurried
from bench.harness.words import exchanges
from persistence.privacy.hashing import hash_session, secrets_from_settings

PAST_CONVERSATIONS = 2000
# Ids rise like version 7, whose newer ones are greater still; request ids are spread like the random ones of callers.
VERSION_7 = (
    "(lpad(to_hex((1000 * extract(epoch FROM clock_timestamp()))::bigint), 12, '0') || '7'"
    " || substr(md5(random()::text || n), 1, 19))::uuid"
)
CONVERSATIONS = """
INSERT INTO persistence_conversation (public_id, domain, channel, session_hash, hash_version, control, control_epoch,
    last_seq, chain_head, archived_through_seq)
SELECT ('01900000-0000-7000-' || lpad(to_hex(%(turns_each)s), 4, '0') || '-' || lpad(to_hex(n), 12, '0'))::uuid,
    %(domain)s, %(channel)s, session_hash, 1, 'bot', 0, %(turns_each)s, sha256(session_hash), %(turns_each)s
FROM unnest(%(session_hashes)s::bytea[]) WITH ORDINALITY AS given (session_hash, n)
"""
TURNS = """
INSERT INTO persistence_turn (turn_id, conversation_id, seq, domain, request_id, fingerprint, messages, escalated,
    reason_codes, "references", metadata, redaction_version, control, control_epoch, salt, content_digest, prev_digest,
    digest)
SELECT ('01900000-0000-7000-' || lpad(to_hex(seq), 4, '0') || '-' || lpad(to_hex(c.id), 12, '0'))::uuid, c.id, seq,
    %(domain)s, md5(c.id || ':' || seq), c.session_hash, %(messages)s::jsonb, false, '[]', '[]', '{}', 1, 'bot', 0,
    substr(c.session_hash, 1, 16), c.session_hash, c.session_hash, c.session_hash
FROM persistence_conversation AS c CROSS JOIN generate_series(1, %(turns_each)s) AS seq
WHERE c.last_seq = %(turns_each)s
"""
LANES = """
INSERT INTO outbox_lane (destination, ordering_key, due_at, token, rescues, parked_reason)
SELECT 'archive', public_id::text, 'infinity', 1, 0, '' FROM persistence_conversation WHERE last_seq = %(turns_each)s
"""
EVENTS = """
INSERT INTO outbox_event (event_id, event_type, schema_version, ordering_key, ordering_seq, payload, headers)
SELECT t.turn_id, 'turn.recorded', 1, c.public_id::text, t.seq,
    jsonb_build_object('conversation_id', c.public_id, 'turn_id', t.turn_id, 'seq', t.seq),
    jsonb_build_object('request_id', t.request_id)
FROM persistence_conversation AS c JOIN persistence_turn AS t ON t.conversation_id = c.id AND t.seq = c.last_seq
WHERE c.last_seq = %(turns_each)s
"""
DELIVERIES = """
INSERT INTO outbox_delivery (lane_id, event_id, seq, status, attempts, next_at, last_error_code, settled_at)
SELECT lane.id, event.event_id, event.ordering_seq, 'delivered', 1, now(), '', now()
FROM outbox_event AS event JOIN outbox_lane AS lane USING (ordering_key) WHERE event.ordering_seq = %(turns_each)s
"""
RECORD = f"""
SELECT count(*) FROM (
    SELECT persistence_record_turn(
        jsonb_build_object('domain', %(domain)s, 'channel', %(channel)s, 'hash_version', 1, 'turn_id', {VERSION_7},
            'request_id', 'request ' || n, 'messages', (%(messages)s::jsonb[])[1 + n %% %(kinds)s],
            'escalated', false, 'reason_codes', '[]'::jsonb, 'references', '[]'::jsonb, 'metadata', '{{}}'::jsonb,
            'redaction_version', 1),
        sha256(convert_to('session ' || n / %(each)s, 'UTF8')), sha256(''), NULL, NULL, {VERSION_7},
        substr(sha256(''), 1, 16), sha256(''), {VERSION_7}, '{{}}', ARRAY['archive'])
    FROM generate_series(%(first)s, %(first)s + %(turns)s - 1) AS n OFFSET 0
) AS recorded
"""
ENQUEUE = """
SELECT count(*) FROM (
    SELECT outbox_enqueue(gen_random_uuid(), 'bench', 1, %(kind)s || n, 1, NULL, '{}', '{}', ARRAY[%(destination)s])
    FROM generate_series(1, %(lanes)s) AS n OFFSET 0
) AS enqueued
"""


def long_past_conversations(count: int, turns_each: int, *, url: str = "", words: str = "") -> list[str]:
    """Load archived conversations of ``turns_each`` turns and return their session ids. Call once for each length.

    Of the outbox rows, those of the last turns are there; the others have been pruned.
    """
    names = [f"loaded-{turns_each}-{number}" for number in range(count)]
    hash_secrets = secrets_from_settings()
    given = {
        "domain": DOMAIN,
        "channel": CHANNEL,
        "turns_each": turns_each,
        "messages": json.dumps([{"role": "user", "content": words}]) if words else json.dumps(exchanges()[0]),
        "session_hashes": [
            hash_session(hash_secrets, domain=DOMAIN, channel=CHANNEL, session_id=name) for name in names
        ],
    }
    with unhurried(url) as cursor:
        for statement in (CONVERSATIONS, TURNS, LANES, EVENTS, DELIVERIES):
            cursor.execute(statement, given)
        settle_down(cursor)
    return names


def some_history() -> None:
    """Load what a day has left behind, so that nothing is measured against empty tables."""
    long_past_conversations(PAST_CONVERSATIONS, TURNS_PER_CONVERSATION)


def recorded_turns(turns: int, *, first: int = 0, each: int = 1) -> None:
    """Record turns from number ``first`` on, ``each`` in a conversation, each with a delivery to the archive."""
    kinds = [json.dumps(messages) for messages in exchanges()]
    given = {"domain": DOMAIN, "channel": CHANNEL, "messages": kinds, "kinds": len(kinds)}
    with unhurried() as cursor:
        cursor.execute(RECORD, given | {"first": first, "turns": turns, "each": each})
        cursor.execute("ANALYZE")


def due_lanes(destination: str, lanes: int, kind: str = "key ") -> None:
    """Enqueue one small event in each of ``lanes`` new lanes."""
    with unhurried() as cursor:
        cursor.execute(ENQUEUE, {"destination": destination, "lanes": lanes, "kind": kind})
        cursor.execute("ANALYZE")  # as autovacuum does within a minute


def count(statement: str, parameters: Sequence[object] = ()) -> int:
    """Return the number that a statement answers with."""
    with unhurried(settings.DATABASE_URL) as cursor:
        cursor.execute(statement, parameters)
        (found,) = cursor.fetchone() or (0,)
        return int(found)
