"""``manage.py sessions``, the figures for Prometheus, and what becomes of parked writes."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from prometheus_client import CollectorRegistry, generate_latest

from persistence.models import ParkedStateWrite
from persistence.session import metrics, parked
from persistence.session.metrics import StatesCollector
from persistence.session.port import NewState
from persistence.session.postgres import PostgresStore
from tests.persistence.session.behindkit import acknowledge, come_due, fields, kept, left_on
from tests.persistence.session.outagekit import CHANNEL, DOMAIN, SESSION, TTL, in_redis, plain, row
from tests.persistence.session.outages import module_server, server  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis(server, settings):  # noqa: F811
    settings.SESSION_STATE_BACKEND = "redis-first"
    client = plain(server.url)
    yield client
    client.close()


def sessions(*arguments: str) -> tuple[dict, int]:
    """Run the command with ``--json``; return its object and its exit status."""
    out = io.StringIO()
    try:
        call_command("sessions", *arguments, "--json", stdout=out)
    except SystemExit as end:
        return json.loads(out.getvalue()), int(end.code or 0)
    return json.loads(out.getvalue()), 0


def park_one(redis, **changed) -> str:
    (entry,) = acknowledge(redis, fields(1) | {"state": "s" * 65} | changed)
    for _ in range(6):
        sessions("apply")
        come_due(redis)
    assert left_on(redis) == 0
    return entry


def write_in_outage() -> int:
    new = NewState("active", {"step": 1}, 1)
    return PostgresStore(lenient=True).put(DOMAIN, CHANNEL, SESSION, new, ttl=TTL).version


def exposition() -> str:
    registry = CollectorRegistry()
    registry.register(StatesCollector())
    return generate_latest(registry).decode()


def test_nothing_to_say_is_as_it_should_be(redis):
    found, code = sessions("status")
    expected = {"backend": "redis-first", "redis": "ok", "domains": {}, "unhealed": 0, "ok": True}
    assert (found, code) == (expected, 0)


def test_status_says_what_waits_and_what_was_applied(redis):
    acknowledge(redis, fields(1), fields(2))
    before = sessions("status")[0]["domains"][DOMAIN]
    assert (before["pending"], before["applied"], before["oldest_seconds"] >= 0) == (2, 0, True)
    assert sessions("apply") == ({"applied": 2}, 0)
    assert sessions("status") == (
        {
            "backend": "redis-first",
            "redis": "ok",
            "domains": {DOMAIN: {"pending": 0, "oldest_seconds": 0.0, "applied": 2, "parked": 0}},
            "unhealed": 0,
            "ok": True,
        },
        0,
    )


def test_what_waits_too_long_or_is_parked_needs_a_look(redis):
    redis.xadd("hfw:{demo}", fields(1), id="1000-0")
    redis.sadd("hfw:domains", "demo")
    found, code = sessions("status")
    assert (found["ok"], code) == (False, 1)
    sessions("apply")
    assert sessions("status")[1] == 0
    park_one(redis)
    found, code = sessions("status")
    assert (found["domains"][DOMAIN]["parked"], found["ok"], code) == (1, False, 1)


def test_while_redis_is_out_what_only_it_knows_is_unknown(redis, server):  # noqa: F811
    acknowledge(redis, fields(1))
    sessions("apply")
    server.stop()
    found, code = sessions("status")
    assert (found["redis"], found["ok"], code) == ("out", False, 1)
    assert found["domains"][DOMAIN] == {"pending": None, "oldest_seconds": None, "applied": 1, "parked": 0}
    with pytest.raises(CommandError, match="stays where it is"):
        sessions("apply")


def test_people_are_told_the_same(redis):
    acknowledge(redis, fields(1))
    sessions("apply")
    out = io.StringIO()
    call_command("sessions", "status", stdout=out)
    assert "redis      ok" in out.getvalue()
    assert "oldest seconds" in out.getvalue()


def test_heal_tells_redis_what_it_missed(redis, settings):
    version = write_in_outage()
    assert sessions("status")[0]["unhealed"] == 1
    assert sessions("heal") == ({"healed": 1}, 0)
    assert (in_redis().version, row().unhealed) == (version, False)
    settings.SESSION_STATE_BACKEND = "postgres"
    with pytest.raises(CommandError) as refused:
        sessions("heal")
    assert refused.value.returncode == 2


def test_a_parked_write_is_applied_once_its_reason_is_gone(redis):
    park_one(redis)
    assert sessions("retry") == ({"applied": 0, "failed": 1}, 1)
    found = ParkedStateWrite.objects.get()
    ParkedStateWrite.objects.update(fields=found.fields | {"state": "active"})
    assert sessions("retry", "--domain", "another") == ({"applied": 0, "failed": 0}, 0)
    assert sessions("retry", "--domain", DOMAIN) == ({"applied": 1, "failed": 0}, 0)
    assert (kept(1).state, ParkedStateWrite.objects.count()) == ("active", 0)


def test_parked_writes_are_discarded_only_as_named(redis):
    entries = [park_one(redis) for _ in range(2)]
    with pytest.raises(CommandError) as refused:
        sessions("discard")
    assert refused.value.returncode == 2
    assert sessions("discard", "--entry", entries[0]) == ({"discarded": 1}, 0)
    assert sessions("discard", "--all") == ({"discarded": 1}, 0)


def test_what_is_parked_says_why_without_what_it_was_about(redis):
    park_one(redis, state="secret" * 20)
    found = ParkedStateWrite.objects.get()
    assert "SQLSTATE 22001" in found.error
    assert "secret" not in found.error


def test_parking_twice_changes_nothing(redis):
    for number in range(2):
        parked.park(DOMAIN, "1-0", {"a": str(number)}, attempts=5, error=ValueError("no"))
    assert ParkedStateWrite.objects.get().fields == {"a": "0"}


def test_the_figures_are_there_for_prometheus(redis):
    acknowledge(redis, fields(1), fields(2), domain="busy")
    park_one(redis)
    acknowledge(redis, fields(1), fields(2), domain="busy")
    write_in_outage()
    found = exposition()
    for line in (
        'holdfast_session_writes_pending{domain="busy"} 2.0',
        'holdfast_session_writes_pending{domain="demo"} 0.0',
        'holdfast_session_writes_oldest_seconds{domain="demo"} 0.0',
        'holdfast_session_writes_parked{domain="demo"} 1.0',
        "holdfast_session_states_unhealed 1.0",
    ):
        assert line in found


def test_a_scrape_says_what_it_can_while_one_of_the_two_is_out(redis, server, monkeypatch):  # noqa: F811
    acknowledge(redis, fields(1))
    server.freeze()
    found = exposition()
    assert "holdfast_session_states_unhealed 0.0" in found
    assert "holdfast_session_writes_pending" not in found
    server.resume()

    def out():
        raise OperationalError("no connection")

    monkeypatch.setattr(metrics, "kept_figures", out)
    assert "holdfast_session_states_unhealed" not in exposition()


def test_a_redis_that_holds_nothing_of_ours_is_not_asked(redis, settings, monkeypatch):
    settings.SESSION_STATE_BACKEND = "postgres"

    def asked():
        raise AssertionError("it was asked")

    monkeypatch.setattr(metrics, "hot", asked)
    assert "holdfast_session_states_unhealed 0.0" in exposition()
