"""The console over large tables: no page reads more rows than it shows, wherever in the list it stands."""

import os

import pytest
from django.db import connection

from handoff.admin.attention import key
from handoff.models import SupportCase
from tests.admin_support import most_rows_read
from tests.handoff.admin.support import LEAD, QUEUE, address, agent
from tests.handoff.admin.support import signed_in as sign_in

CASES, LIVE_EACH = int(os.environ.get("HOLDFAST_MANY_CASES", "10000")), 10  # one case in ten is live
CONVERSATIONS = """
INSERT INTO persistence_conversation (public_id, domain, channel, session_hash, hash_version, customer_ref, control,
    control_epoch, last_seq, chain_head, archived_through_seq)
SELECT gen_random_uuid(), CASE mod(n, 3) WHEN 0 THEN 'other' ELSE 'demo' END, 'web', convert_to(n::text, 'UTF8'), 1,
    'c-' || n / 3, 'bot', 0, 10, '', 0 FROM generate_series(1, {cases}) AS n
"""
TURNS = """
INSERT INTO persistence_turn (turn_id, seq, domain, request_id, fingerprint, messages, escalated, reason_codes,
    "references", metadata, redaction_version, control, control_epoch, salt, content_digest, prev_digest, digest,
    created_at, conversation_id)
SELECT gen_random_uuid(), seq, domain, c.id || '-' || seq, '', '[{"role": "user", "content": "hello"}]', false, '[]',
    '[]', '{}', 1, 'bot', 0, '', '', '', '', now(), c.id
FROM persistence_conversation AS c, generate_series(1, 10) AS seq
"""
QUEUES = """
INSERT INTO handoff_queue (domain, name, title, hours, time_zone, country, subdivision, budgets, accept_minutes,
    consent_required)
SELECT domain, 'q', '', '', 'UTC', '', '', '{}', 15, false FROM (VALUES ('demo'), ('other')) AS d (domain)
"""
FILL = """
INSERT INTO handoff_case (case_id, conversation_id, domain, channel, customer_ref, status, priority, reason_codes,
    reason_text, assignee, queue_id, version, event_seq, context_snapshot, idempotency_key, looping, reopened,
    opened_at, attention_at, warn_at, closed_at, closed_as)
SELECT gen_random_uuid(), c.id, c.domain, 'web', c.customer_ref, CASE WHEN live THEN 'open' ELSE 'closed' END,
    'normal', '["vip"]', 'reason', CASE mod(c.id, 5) WHEN 0 THEN '' ELSE 'agent' || mod(c.id, 7) END, q.id, 1, 0, '{}',
    c.id::text, false, 0, now() - c.id * interval '1 second',
    CASE WHEN live AND mod(c.id, 4) <> 0 THEN now() + (mod(c.id, 1000) - 100) * interval '1 minute' END, NULL,
    CASE WHEN NOT live THEN now() - c.id * interval '1 second' END, CASE WHEN live THEN '' ELSE 'resolved' END
FROM (SELECT *, mod(id, {each}) = 0 AS live FROM persistence_conversation) AS c JOIN handoff_queue AS q ON q.domain = c.domain
ORDER BY c.domain, c.id
"""  # so that the newest cases are all of one domain, and the other's are not found by looking back
WORDS = """
INSERT INTO handoff_case_text (case_id, through_seq, through_event, words)
SELECT id, 10, 0, array_to_tsvector(ARRAY['hello', 'w' || mod(id, 500), 'r' || id]) FROM handoff_case
"""
TABLES = "persistence_conversation, persistence_turn, handoff_case, handoff_case_text, handoff_queue"


def fill(cases: int) -> None:
    """Make so many cases with ten turns each, in two domains."""
    steps = (CONVERSATIONS, TURNS, QUEUES, FILL, WORDS, f"ANALYZE {TABLES}")
    with connection.cursor() as cursor:
        for step in steps:
            cursor.execute(step.replace("{cases}", str(cases)).replace("{each}", str(LIVE_EACH)))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.django_db
def test_no_page_of_a_large_desk_reads_much_more_than_its_own_rows():
    fill(CASES)
    agent("agent1")
    some = SupportCase.objects.filter(domain="demo", closed_at__isnull=True, attention_at__isnull=False)
    middle = some.order_by("attention_at", "id")[some.count() // 2]
    undue = SupportCase.objects.filter(
        domain="demo", closed_at__isnull=True, attention_at__isnull=True
    ).latest("pk")
    ended = SupportCase.objects.filter(domain="demo", closed_at__isnull=False).latest("pk")
    pages = [
        QUEUE,
        f"{QUEUE}live/",
        *(f"{QUEUE}?after={key(middle)}", f"{QUEUE}?before={key(middle)}".replace("+", "%2B")),
        *(f"{QUEUE}?after={key(undue)}", f"{QUEUE}?before={key(undue)}"),
        *(f"{QUEUE}?state={state}" for state in ("open", "ended", "closed")),
        *(f"{QUEUE}?owner={owner}" for owner in ("me", "nobody")),
        *(f"{QUEUE}?{one}" for one in ("sla=red", "sla=green", "reason=vip", f"queue={middle.queue_id}")),
        *(
            f"{QUEUE}?q={term}"
            for term in (middle.case_id, middle.conversation.public_id, "c-777", "r77", "none")
        ),
        *(address(middle), address(ended), f"{address(middle, 'live')}?seq=10&event=0"),
    ]
    clients = {
        "of one domain": sign_in("one", *LEAD),
        "of two domains": sign_in("two", *LEAD, domains=("demo", "other")),
    }
    allowed = 3_000  # the rows of the page, the newest 1,000 for the channels, and what a filter throws away
    for whose, client in clients.items():
        read = {page: most_rows_read(client, page) for page in pages}
        assert {page: rows for page, rows in read.items() if rows > allowed} == {}, whose
