"""Filling the tables quickly, with rows as Holdfast writes them."""

import json
from collections.abc import Sequence

from django.conf import settings
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class with a small name

from bench.contenders.shape import CHANNEL, DOMAIN
from bench.harness.private import settle_down, unhurried
from bench.harness.words import exchanges
from persistence.privacy.hashing import hash_session, secrets_from_settings

# Ids rise like version 7, whose newer ones are greater still; request ids are spread like the random ones of callers.
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
RECORD = """
SELECT count(*) FROM (
    SELECT persistence_record_turn(%(domain)s, %(channel)s, sha256(convert_to('session ' || n, 'UTF8')), 1,
        'request ' || n, sha256(''), NULL, NULL, gen_random_uuid(), gen_random_uuid(), NULL,
        (%(messages)s::jsonb[])[1 + n %% %(kinds)s], NULL, false, '[]', '[]', NULL, NULL, NULL, NULL, NULL, '{}', 1,
        substr(sha256(''), 1, 16), sha256(''), gen_random_uuid(), '{}', ARRAY[%(destination)s])
    FROM generate_series(%(first)s, %(last)s) AS n OFFSET 0
) AS recorded
"""
ENQUEUE = """
SELECT count(*) FROM (
    SELECT outbox_enqueue(gen_random_uuid(), 'bench', 1, %(kind)s || n, 1, NULL, '{}', '{}', ARRAY[%(destination)s])
    FROM generate_series(1, %(lanes)s) AS n OFFSET 0
) AS enqueued
"""


def long_past_conversations(count: int, turns_each: int, *, url: str = "", words: str = "") -> list[str]:
    """Load archived conversations of ``turns_each`` turns and return their session ids. Call once for each length."""
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
        for statement in (CONVERSATIONS, TURNS, LANES):
            cursor.execute(statement, given)
        settle_down(cursor)
    return names


def recorded_turns(first: int, last: int, destination: str = "archive") -> None:
    """Record turns ``first`` to ``last``, each in a conversation of its own, with one due delivery each."""
    with unhurried() as cursor:
        kinds = [json.dumps(messages) for messages in exchanges()]
        cursor.execute(
            RECORD,
            {"domain": DOMAIN, "channel": CHANNEL, "messages": kinds, "kinds": len(kinds), "first": first, "last": last,
             "destination": destination},
        )  # fmt: skip
        analyse(cursor)


def due_lanes(destination: str, lanes: int, kind: str = "key ") -> None:
    """Enqueue one small event in each of ``lanes`` new lanes."""
    with unhurried() as cursor:
        cursor.execute(ENQUEUE, {"destination": destination, "lanes": lanes, "kind": kind})
        analyse(cursor)


def analyse(cursor: Cursor) -> None:
    """Let the planner know what was loaded, as autovacuum does within a minute."""
    cursor.execute("ANALYZE")


def count(statement: str, parameters: Sequence[object] = ()) -> int:
    """Return the number that a statement answers with."""
    with unhurried(settings.DATABASE_URL) as cursor:
        cursor.execute(statement, parameters)
        (found,) = cursor.fetchone() or (0,)
        return int(found)
