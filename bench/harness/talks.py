"""Conversations as people have them: the repository's own sample, as often as wanted, finished two days ago."""

import functools
import json

from bench.contenders.shape import CHANNEL, DOMAIN
from bench.harness.private import PROJECT, settle_down, unhurried
from persistence.privacy.redaction import REDACTION_VERSION
from persistence.replay.dialogues import Dialogue, Message, exchanges
from persistence.replay.reader import read

SILENT_HOURS = 48
# The number of a conversation stands in its customer's name, which says which dialogue it is a copy of. Turn ids are
# of version 7 and lie where they would: at the time of the turn.
CONVERSATIONS = """
INSERT INTO persistence_conversation (public_id, domain, channel, session_hash, hash_version, customer_ref, control,
    control_epoch, last_seq, chain_head, archived_through_seq, last_turn_at, created_at)
SELECT (lpad(to_hex((1000 * extract(epoch FROM said_at))::bigint), 12, '0') || '7' || substr(md5('c' || n), 1, 3)
        || '8' || substr(md5('c' || n), 4, 15))::uuid,
    %(domain)s, %(channel)s, sha256(convert_to('talk ' || n, 'UTF8')), 1, 'talk-' || n, 'bot', 0,
    (%(lengths)s::int[])[1 + n %% %(kinds)s], sha256(''), (%(lengths)s::int[])[1 + n %% %(kinds)s], said_at, said_at
FROM generate_series(%(first)s, %(first)s + %(count)s - 1) AS n,
    LATERAL (SELECT clock_timestamp() - %(silent)s * interval '1 hour' + n * interval '1 millisecond' AS said_at) AS at
"""
TURNS = """
INSERT INTO persistence_turn (turn_id, conversation_id, seq, domain, request_id, fingerprint, messages, escalated,
    reason_codes, "references", metadata, redaction_version, control, control_epoch, salt, content_digest, prev_digest,
    digest, created_at)
SELECT (lpad(to_hex((1000 * extract(epoch FROM c.last_turn_at))::bigint), 12, '0') || '7'
        || substr(md5(c.id || ':' || seq), 1, 3) || '8' || substr(md5(c.id || ':' || seq), 4, 15))::uuid,
    c.id, seq, %(domain)s, md5(c.id || ':' || seq), c.session_hash,
    (%(messages)s::jsonb[])[(%(starts)s::int[])[1 + substr(c.customer_ref, 6)::bigint %% %(kinds)s] + seq],
    false, '[]', '[]', '{}', %(redaction)s, 'bot', 0, substr(c.session_hash, 1, 16), c.session_hash, c.session_hash,
    c.session_hash, c.last_turn_at
FROM persistence_conversation AS c CROSS JOIN LATERAL generate_series(1, c.last_seq) AS seq
WHERE substr(c.customer_ref, 6)::bigint BETWEEN %(first)s AND %(first)s + %(count)s - 1
"""

ITEMS = """
INSERT INTO summarization_item (conversation_id, domain, chunk, state, to_seq, failures, rescues, reason, detail,
    tokens_in, tokens_out, cost_usd)
SELECT id, domain, 0, 'done', last_seq, 0, 0, '', '', 0, 0, 0 FROM persistence_conversation ORDER BY id LIMIT %(count)s
"""
SUMMARIES = """
INSERT INTO summarization_summary (conversation_id, domain, from_seq, to_seq, input_hash, problem, solution, status,
    status_because, topics, open_questions, citations, support, language, source_turn_count, redaction_version, backend,
    model, prompt_version, fallback_for, tokens_in, tokens_out, cost_usd, duration_ms, number)
SELECT id, domain, 1, last_seq, sha256(''), repeat('problem ', 20), repeat('solution ', 20), 'open', '', '[]', '[]',
    '[1]', '{}', 'en', last_seq, 1, 'extractive', '', '', '', 0, 0, 0, 0, 1
FROM persistence_conversation ORDER BY id LIMIT %(count)s
"""


@functools.cache
def dialogues() -> list[list[list[Message]]]:
    """Return the sample: of each conversation its turns, of each turn its messages."""
    found = read([PROJECT / "sample" / "dialogues.jsonl"])
    return [
        [turn.messages for turn in exchanges(one, run="bench")] for one in found if isinstance(one, Dialogue)
    ]


def talks(count: int, *, first: int = 0, most_turns: int = 1000) -> int:
    """Load so many conversations, numbered from ``first`` on, copies of the sample one after another.

    ``most_turns`` cuts each. Nothing is on its way off-box. Returns how many turns there are.
    """
    said = [turns[:most_turns] for turns in dialogues()]
    messages = [json.dumps(turn) for turns in said for turn in turns]
    lengths = [len(turns) for turns in said]
    given = {
        "domain": DOMAIN,
        "channel": CHANNEL,
        "kinds": len(said),
        "lengths": lengths,
        "starts": [sum(lengths[:number]) for number in range(len(lengths))],
        "messages": messages,
        "first": first,
        "count": count,
        "silent": SILENT_HOURS,
        "redaction": REDACTION_VERSION,
    }
    with unhurried() as cursor:
        cursor.execute(CONVERSATIONS, given)
        cursor.execute(TURNS, given)
        turns = cursor.rowcount
        settle_down(cursor)
    return turns


def summarized(count: int) -> None:
    """Let the first so many conversations have been summarised, as far as they go."""
    with unhurried() as cursor:
        cursor.execute(ITEMS, {"count": count})
        cursor.execute(SUMMARIES, {"count": count})
        settle_down(cursor)
