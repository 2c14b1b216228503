"""What Postgres' own statistics say, and how little is read of a large table."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from persistence.history import history
from persistence.ladder.figures import figures
from persistence.ladder.model import LATENCY, NEWEST, latency_parameters, model_latency
from persistence.ladder.statements import statements
from persistence.models import SessionState
from tests.persistence.support import conversation_of, say

pytestmark = pytest.mark.django_db(transaction=True)
MANY = f"""
INSERT INTO persistence_turn (turn_id, conversation_id, seq, domain, request_id, fingerprint, messages, escalated,
    reason_codes, "references", latency_ms, metadata, redaction_version, control, control_epoch, salt, content_digest,
    prev_digest, digest)
SELECT (lpad(to_hex((%(now)s * 1000)::bigint - number * 100), 12, '0') || '7000' || '8000'
           || lpad(to_hex(number), 12, '0'))::uuid,
       conversation.id, number + 1000, 'demo', 'many-' || number, '', '[]', false, '[]', '[]',
       CASE WHEN number %% 10 > 0 THEN 500 + number %% 100 END, '{{}}', 1, 'bot', 0, '', '', '', ''
FROM persistence_conversation AS conversation, generate_series(1, {NEWEST * 10}) AS number
"""


@pytest.fixture
def extension():
    """pg_stat_statements, as an operator installs it."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW shared_preload_libraries")
        if "pg_stat_statements" not in cursor.fetchone()[0]:
            pytest.skip("this Postgres comes without pg_stat_statements")
        cursor.execute("CREATE EXTENSION pg_stat_statements")
        cursor.execute("SELECT pg_stat_statements_reset()")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION pg_stat_statements")


def test_without_the_extension_the_processes_own_measure_is_used():
    assert statements() is None


def test_postgres_own_count_tells_history_from_session_state_and_from_the_rest(extension):
    conversation = conversation_of(say())
    for _ in range(5):
        history(conversation)
        history(conversation, before_seq=2)
    list(SessionState.objects.filter(unhealed=True))
    found = statements()
    assert found is not None
    assert found.history_calls == 10
    assert found.state_calls >= 1
    assert 0 < found.history_seconds < found.seconds
    assert 0 < found.state_seconds < found.seconds
    said = figures(backend="postgres", hours=24, now=timezone.now()).shares
    assert said.source == f"pg_stat_statements, since {found.since:%Y-%m-%d %H:%M} UTC"
    assert said.history_reads == 10


def test_statistics_that_may_not_be_read_are_as_good_as_none(extension):
    with connection.cursor() as cursor:
        cursor.execute("REVOKE SELECT ON pg_stat_statements FROM PUBLIC")
        cursor.execute("CREATE ROLE onlooker; SET ROLE onlooker")
        try:
            assert statements() is None
        finally:
            cursor.execute("RESET ROLE; DROP ROLE onlooker")


def test_the_models_median_is_read_off_the_newest_turns_however_many_there_are():
    now = timezone.now()
    say()
    with connection.cursor() as cursor:
        cursor.execute(MANY, {"now": now.timestamp()})
        cursor.execute("ANALYZE persistence_turn")
        cursor.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {LATENCY}", latency_parameters(now - timedelta(days=1), now)
        )
        (plan,) = cursor.fetchone()
    (scan,) = [node for node in nodes(plan[0]["Plan"]) if "Relation Name" in node]
    assert scan["Index Name"] == "persistence_turn_pkey"
    assert scan["Scan Direction"] == "Backward"
    assert scan["Actual Rows"] <= NEWEST
    found = model_latency(now - timedelta(days=1), now)
    assert found.turns == NEWEST * 9 // 10
    assert found.p50_ms == pytest.approx(550, abs=2)


def test_turns_outside_the_window_say_nothing_about_the_model():
    say(latency_ms=400)
    now = timezone.now()
    assert model_latency(now - timedelta(hours=1), now + timedelta(minutes=1)).p50_ms == 400
    assert model_latency(now - timedelta(hours=2), now - timedelta(hours=1)).turns == 0


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)
