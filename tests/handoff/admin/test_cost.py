"""The queue and the case page cost the same for thousands of live cases as for ten."""

import pytest
from django.db import connection

from handoff import search
from handoff.admin.filters import CHANNELS_AMONG
from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.models import SupportCase
from tests.admin_support import most_rows_read, statements
from tests.handoff.admin.support import QUEUE, address, agent, case, signed_in, turn

pytestmark = pytest.mark.django_db(transaction=True)

LIVE = 2_000
# Copies of the cases that are there, each in a conversation of its own, with all that happened and was said.
CONVERSATIONS = """
INSERT INTO persistence_conversation (public_id, domain, channel, session_hash, hash_version, customer_ref, control,
    control_epoch, last_seq, chain_head, archived_through_seq)
SELECT gen_random_uuid(), domain, channel, sha256(convert_to(id || ' ' || n, 'UTF8')), hash_version,
    'copy of ' || id, control, control_epoch, last_seq, chain_head, archived_through_seq
FROM persistence_conversation CROSS JOIN generate_series(1, %s) AS n
"""
CASES = """
INSERT INTO handoff_case (case_id, conversation_id, domain, channel, customer_ref, status, priority, reason_codes,
    reason_text, assignee, queue_id, version, event_seq, context_snapshot, idempotency_key, looping, reopened,
    opened_at, first_due_at, resolution_due_at, attention_at, warn_at, clock_started_at, closed_as)
SELECT gen_random_uuid(), copy.id, c.domain, c.channel, copy.customer_ref, c.status, c.priority, c.reason_codes,
    c.reason_text, c.assignee, c.queue_id, c.version, c.event_seq, c.context_snapshot, copy.public_id::text,
    c.looping, c.reopened, c.opened_at, c.first_due_at, c.resolution_due_at,
    c.attention_at + copy.id * interval '1 second', c.warn_at, c.clock_started_at, c.closed_as
FROM persistence_conversation AS copy JOIN handoff_case AS c ON copy.customer_ref = 'copy of ' || c.conversation_id
"""
EVENTS = """
INSERT INTO handoff_case_event (case_id, seq, kind, actor, text, data, created_at)
SELECT copy.id, event.seq, event.kind, event.actor, event.text, event.data, event.created_at
FROM handoff_case AS copy JOIN handoff_case AS c ON copy.customer_ref = 'copy of ' || c.conversation_id
JOIN handoff_case_event AS event ON event.case_id = c.id
"""
FILTERS = ("", "?owner=me", "?owner=nobody", "?sla=green", "?state=open", "?priority=low", "?q=refund")


def ten_cases() -> SupportCase:
    """Open ten cases and return one with turns, notes and a reply."""
    found = case(session="s0", customer_ref="Marta")
    for number in range(1, 10):
        case(session=f"s{number}", priority=("low", "normal", "high", "urgent")[number % 4])
    actions.claim(found.case_id, actor=Actor("ben"))
    actions.reply(found.case_id, actor=Actor("ben"), text="Which order?")
    actions.note(found.case_id, actor=Actor("ben"), text="Ask the carrier.")
    turn("It is 4711.", None, session="s0")
    return found


def multiply(times: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(CONVERSATIONS, [times])
        cursor.execute(CASES)
        cursor.execute(EVENTS)
        cursor.execute("ANALYZE")


def test_two_thousand_live_cases_cost_no_more_statements_than_ten():
    """One fewer where the first page is full: the cases without a due time, which come last, are not asked for."""
    found = ten_cases()
    agent("ben")
    client = signed_in()
    pages = [*(QUEUE + query for query in FILTERS), f"{QUEUE}live/", address(found), address(found, "live")]
    search.refresh()
    before = {page: len(statements(client, page)) for page in pages}
    multiply(LIVE // 10)
    assert SupportCase.objects.filter(closed_at__isnull=True).count() >= LIVE
    for page in pages:
        assert before[page] - 1 <= len(statements(client, page)) <= before[page], page


def test_no_statement_of_the_queue_or_of_a_case_reads_every_live_case():
    found = ten_cases()
    client = signed_in()
    multiply(LIVE // 10)
    assert CHANNELS_AMONG < LIVE
    assert most_rows_read(client, QUEUE) <= CHANNELS_AMONG
    assert most_rows_read(client, address(found)) <= LIVE // 10
