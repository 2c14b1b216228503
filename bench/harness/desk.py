"""A desk after half a year: a case for every conversation, most of them over, with all that was written and sent."""

from django.contrib.auth.models import Group, User

from bench.contenders.shape import DOMAIN
from bench.harness.load import long_past_conversations
from bench.harness.private import settle_down, unhurried
from handoff.models import Endpoint, Queue
from handoff.secrets import seal
from persistence.apikeys import create_key
from persistence.models import DomainAccess

TURNS_EACH = 10
LONG_TURNS = 1000
LONG_CASES = 4
ONE_LIVE_AMONG = 20
DOMAINS = (DOMAIN, "shop", "travel")
QUEUES = ("general", "billing", "technical", "complaints")
WORDS = "The rows of the full table are shorter than a usual turn: what counts is how many there are."
AGENT, LEAD = "anna", "superuser"
DAYS = 180
# Eight of ten conversations are of the first domain. Each customer has come five times.
OF_DOMAINS = """
UPDATE persistence_conversation
SET customer_ref = 'customer ' || id / 5, domain = CASE id %% 10 WHEN 8 THEN 'shop' WHEN 9 THEN 'travel' ELSE domain END
WHERE last_seq = %(turns_each)s
"""
# The live ones lie all over the table, and over the months in which the others were opened.
CASES = """
WITH given AS (
    SELECT conversation.*, n %% %(among)s = n / %(among)s %% %(among)s AS live, n / 7 %% 10 AS kind,
        %(days)s * interval '1 day' * (1 - n::float8 / %(conversations)s) AS age
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS n
          FROM persistence_conversation WHERE last_seq = %(turns_each)s) AS conversation
), stated AS (
    SELECT given.*, now() - CASE WHEN live THEN n %% 2880 * interval '1 minute' ELSE age END AS opened, CASE
        WHEN live AND kind < 5 THEN 'open' WHEN live AND kind < 8 THEN 'in_progress'
        WHEN live AND kind < 9 THEN 'waiting_customer' WHEN live THEN 'pending_consent'
        WHEN kind = 9 THEN 'cancelled' ELSE 'closed' END AS status
    FROM given
)
INSERT INTO handoff_case (case_id, conversation_id, opening_turn, domain, channel, customer_ref, status, priority,
    reason_codes, reason_text, assignee, queue_id, version, event_seq, context_snapshot, idempotency_key, looping,
    reopened, opened_at, first_due_at, next_due_at, resolution_due_at, attention_at, warn_at, paused_at,
    clock_started_at, first_responded_at, last_customer_at, closed_at, closed_as)
SELECT ('01900000-0000-7000-a' || lpad(to_hex(%(turns_each)s), 3, '0') || '-' || lpad(to_hex(n), 12, '0'))::uuid, id,
    NULL, domain, (ARRAY['web', 'whatsapp', 'voice'])[1 + n %% 3], customer_ref, status,
    (ARRAY['normal', 'normal', 'low', 'high', 'urgent'])[1 + n %% 5],
    jsonb_build_array((ARRAY['user_request', 'repeated_failure', 'vip', 'low_confidence'])[1 + n %% 4]),
    'The customer asked for a person, number ' || n,
    CASE WHEN status IN ('open', 'pending_consent', 'cancelled') THEN ''
         WHEN n %% 10 = 0 THEN %(agent)s ELSE 'agent ' || n %% 30 END,
    (SELECT queue.id FROM handoff_queue AS queue WHERE queue.domain = stated.domain
        AND queue.name = (%(queues)s::text[])[1 + n / 3 %% %(queue_count)s]),
    3, %(events)s, jsonb_build_object('customer', jsonb_build_object('locale', 'pt-PT'), 'trigger',
        jsonb_build_object('seq', last_seq, 'text', %(words)s), 'summary', jsonb_build_object('problem', %(words)s,
        'tried', %(words)s, 'open_questions', '[]'::jsonb, 'covers', jsonb_build_array(1, last_seq),
        'citations', jsonb_build_array(last_seq), 'stale', false)),
    'loaded:' || public_id, false, 0, opened, opened + interval '8 hours', NULL, opened + interval '2 days',
    CASE WHEN status IN ('open', 'in_progress') THEN opened + n %% 60 * interval '1 hour' END,
    CASE WHEN status IN ('open', 'in_progress') THEN opened + n %% 60 * interval '45 minutes' + interval '3 days' END,
    CASE WHEN status = 'waiting_customer' THEN opened + interval '1 hour' END, opened,
    CASE WHEN status NOT IN ('open', 'pending_consent') THEN opened + n %% 90 * interval '4 minutes' END, opened,
    CASE WHEN NOT live THEN opened + n %% 100 * interval '1 hour' END, CASE WHEN live THEN '' ELSE 'resolved' END
FROM stated
"""
EVENTS = """
INSERT INTO handoff_case_event (case_id, seq, kind, actor, text, data, turn_id, created_at)
SELECT found.id, seq, CASE seq WHEN 1 THEN 'opened' WHEN 2 THEN 'queued' ELSE
        (ARRAY['claimed', 'replied', 'customer_said', 'noted'])[1 + seq %% 4] END,
    CASE WHEN seq < 3 THEN 'api:turn' ELSE 'agent:' || %(agent)s END, %(words)s, '{"author": "anna"}', NULL,
    found.opened_at + seq * interval '1 minute'
FROM handoff_case AS found CROSS JOIN generate_series(1, %(events)s) AS seq
WHERE found.event_seq = %(events)s ORDER BY found.id, seq
"""
ATTEMPTS = """
INSERT INTO handoff_handoff (handoff_id, conversation_id, case_id, state, reason_code, requested_at, accepted_at,
    accepted_by, ended_at, from_seq, to_seq, outcome)
SELECT found.case_id, found.conversation_id, found.id, CASE found.status WHEN 'open' THEN 'queued'
        WHEN 'in_progress' THEN 'active' WHEN 'waiting_customer' THEN 'active' ELSE 'resolved' END,
    'user_request', found.opened_at, found.first_responded_at, found.assignee, found.closed_at, 5, 7, ''
FROM handoff_case AS found WHERE found.event_seq = %(events)s AND found.status <> 'pending_consent'
"""
CONTROL = """
UPDATE persistence_conversation AS conversation SET control_epoch = 1,
    control = CASE WHEN found.status = 'open' THEN 'queued' ELSE 'human' END
FROM handoff_case AS found WHERE found.conversation_id = conversation.id
    AND found.status IN ('open', 'in_progress', 'waiting_customer')
"""
LANES = """
INSERT INTO outbox_lane (destination, ordering_key, due_at, token, rescues, parked_reason)
SELECT %(destination)s, case_id::text, 'infinity', 1, 0, '' FROM handoff_case WHERE event_seq = %(events)s
"""
# The log of sends is pruned after 90 days; the events themselves, a day after they arrived.
SENDS = """
INSERT INTO outbox_delivery_attempt (event_id, event_type, ordering_key, destination, number, started_at, duration_ms,
    outcome, error_code, excerpt)
SELECT gen_random_uuid(), (ARRAY['handoff.requested', 'case.status', 'case.message'])[n], case_id::text,
    %(destination)s, 1, opened_at, 120, 'delivered', '', ''
FROM handoff_case CROSS JOIN generate_series(1, 3) AS n WHERE event_seq = %(events)s ORDER BY opened_at
"""
LINKS = """
INSERT INTO handoff_external_link (case_id, endpoint_id, external_id, external_url)
SELECT id, %(endpoint)s, 'T-' || id, '' FROM handoff_case WHERE event_seq = %(events)s AND status <> 'pending_consent'
"""
# Some words that one case in sixty has, "refund", which each tenth has, and one that is a case's own.
TEXTS = """
INSERT INTO handoff_case_text (case_id, through_seq, through_event, words)
SELECT id, %(turns_each)s, %(events)s, array_to_tsvector(
    ARRAY(SELECT DISTINCT 'w' || (found.id * 37 + k * k * 11) %% 5000 FROM generate_series(1, 80) AS k)
    || ARRAY['case' || found.id, CASE WHEN found.id %% 10 = 0 THEN 'refund' ELSE 'delivery' END])
FROM handoff_case AS found WHERE event_seq = %(events)s
"""
FILLED = (OF_DOMAINS, CASES, EVENTS, ATTEMPTS, CONTROL, LANES, SENDS, LINKS, TEXTS)


def loaded_desk(url: str, conversations: int, *, long_turns: int = LONG_TURNS) -> None:
    """Fill the tables behind ``url`` with a case for each conversation of ten turns, and for a few long ones.

    The people, queues and endpoints are copied with the database: make them first (``people``).
    """
    usual, long = (conversations, TURNS_EACH, 6, ONE_LIVE_AMONG), (LONG_CASES, long_turns, long_turns // 2, 1)
    for count, turns_each, events, among in (usual, long):
        long_past_conversations(count, turns_each, url=url, words=WORDS)
        given = {
            "turns_each": turns_each,
            "conversations": count,
            "events": events,
            "among": among,
            "days": DAYS,
            "words": WORDS,
            "agent": AGENT,
            "queues": list(QUEUES),
            "queue_count": len(QUEUES),
            "destination": "helpdesk:desk",
            "endpoint": Endpoint.objects.get(slug="desk").pk,
        }
        with unhurried(url) as cursor:
            for statement in FILLED:
                cursor.execute(statement, given)
    with unhurried(url) as cursor:
        settle_down(cursor)


def people() -> str:
    """Make an agent of three domains, a superuser, the queues, a help desk and a reply webhook; return an API key."""
    agent, _ = User.objects.get_or_create(username=AGENT, is_staff=True)
    agent.groups.set(Group.objects.filter(name__in=("agent", "lead", "operator")))
    DomainAccess.objects.bulk_create(DomainAccess(user=agent, domain=domain) for domain in DOMAINS)
    User.objects.get_or_create(username=LEAD, is_staff=True, is_superuser=True)
    Queue.objects.bulk_create(Queue(domain=domain, name=name) for domain in DOMAINS for name in QUEUES)
    for slug, purpose in (("desk", "helpdesk"), ("app", "replies")):
        Endpoint.objects.create(
            slug=slug,
            purpose=purpose,
            domain=DOMAIN,
            connector="webhook",
            url="http://127.0.0.1:9/",
            sealed_secrets=seal({}),
        )
    return create_key(DOMAIN, "bench").key
