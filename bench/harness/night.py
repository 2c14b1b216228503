"""A night in this process, and the least that anything would have to do in its place."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg2
from django.conf import settings
from django.utils import timezone

from bench.harness.talks import SILENT_HOURS
from summarization.event import EVENT_TYPE
from summarization.night.byhand import summarize
from summarization.night.candidates import Selection

FINISHED = """
SELECT c.id, c.public_id::text, c.domain, c.last_seq FROM persistence_conversation AS c
WHERE NOT EXISTS (SELECT FROM summarization_item AS i WHERE i.conversation_id = c.id) ORDER BY c.id
"""
READ = "SELECT seq, messages::text FROM persistence_turn WHERE conversation_id = %s ORDER BY seq"
LOCK = "SELECT FROM persistence_conversation WHERE id = %s FOR KEY SHARE"
ITEM = """
INSERT INTO summarization_item (conversation_id, domain, chunk, state, to_seq, failures, rescues, reason, detail,
    tokens_in, tokens_out, cost_usd) VALUES (%s, %s, 0, 'done', %s, 0, 0, '', '', 0, 0, 0)
"""
SUMMARY = """
INSERT INTO summarization_summary (conversation_id, domain, from_seq, to_seq, input_hash, problem, solution, status,
    status_because, topics, open_questions, citations, support, language, source_turn_count, redaction_version, backend,
    model, prompt_version, fallback_for, tokens_in, tokens_out, cost_usd, duration_ms, number)
VALUES (%s, %s, 1, %s, sha256(''), %s, '', 'open', '', '[]', '[]', '[1]', '{}', 'en', 1, 1, 'raw', '', '', '', 0, 0, 0,
    0, 1)
"""
ENQUEUE = "SELECT outbox_enqueue(gen_random_uuid(), %s, 1, %s, %s, NULL, %s, '{}', ARRAY['archive'])"
CHARACTERS = 300


def night() -> int:
    """Summarise what is due, as ``manage.py summarize`` does, and return how many conversations that was.

    It looks as far back as the benchmarks' conversations lie, which a second night would not.
    """
    since = timezone.now() - timedelta(hours=2 * SILENT_HOURS)
    done = summarize(Selection(since=since), timezone.now(), no_bar)
    return done.summarized + done.skipped


@contextmanager
def no_bar(_: int) -> Iterator[Callable[[int], None]]:
    """Stand in for a progress bar."""
    yield lambda advance: None


def raw_night() -> int:
    """Read every conversation that no night has seen and write a summary: its first words, in one transaction each."""
    connection = psycopg2.connect(settings.DATABASE_URL)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(FINISHED)
            finished = cursor.fetchall()
            for pk, public_id, domain, last_seq in finished:
                cursor.execute(READ, [pk])
                said = " ".join(messages for _, messages in cursor.fetchall())[:CHARACTERS]
                told = json.dumps({"conversation_id": public_id, "problem": said})
                cursor.execute("BEGIN")
                cursor.execute(LOCK, [pk])
                cursor.execute(ITEM, [pk, domain, last_seq])
                cursor.execute(SUMMARY, [pk, domain, last_seq, said])
                cursor.execute(ENQUEUE, [EVENT_TYPE, public_id, last_seq, told])
                cursor.execute("COMMIT")
        return len(finished)
    finally:
        connection.close()


class Nightly:
    """What a client's process does for the benchmark of memory."""

    def __call__(self, *, what: str) -> int:
        return os.getpid() if what == "pid" else night()
