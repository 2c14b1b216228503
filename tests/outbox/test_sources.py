"""Destinations that come and go while everything runs, and what wraps their handlers."""

import json
from base64 import b64decode
from collections.abc import Sequence

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.transaction import atomic
from django.test.utils import CaptureQueriesContext
from redis import Redis

from config.celery import app
from outbox import operate, tasks
from outbox.claim import claim
from outbox.destinations import (
    Destination,
    UnknownDestination,
    destination,
    destinations,
    destinations_for,
    load_handler,
)
from outbox.enqueue import enqueue
from outbox.models import Delivery, Lane
from outbox.selectors import due, status
from tests.outbox.support import SCRIPTED, ScriptedHandler, expire_leases, make_due, statuses

pytestmark = pytest.mark.django_db(transaction=True)

ENTRY = {
    "handler": "tests.outbox.support.ScriptedHandler",
    "queue": "helpdesk",
    "schedule": [0, 5],
    "jitter": 0,
    "options": {"endpoint": 1},
}


class Desks:
    """A source whose entries a test sets."""

    entries: dict[str, dict] = {}

    def all(self):
        return dict(self.entries)

    def one(self, name):
        return self.entries.get(name)


class Recording:
    """A layer that remembers in which order it was called."""

    calls: list[str] = []

    def __init__(self, inner, destination: Destination) -> None:
        self._inner = inner
        self._name = type(self).__name__

    def deliver(self, lanes: Sequence, may_send):
        Recording.calls.append(self._name)
        return self._inner.deliver(lanes, may_send)


class Outer(Recording):
    pass


class Inner(Recording):
    pass


@pytest.fixture(autouse=True)
def two_desks(settings):
    settings.OUTBOX_DESTINATION_SOURCES = ["tests.outbox.test_sources.Desks"]
    Desks.entries = {"helpdesk:a": ENTRY, "helpdesk:b": ENTRY}
    Recording.calls = []
    load_handler.cache_clear()
    yield
    load_handler.cache_clear()
    Desks.entries = {}


@pytest.fixture
def nudges(redis_url):
    """Take what stands in the broker: (destination, whether it expires)."""
    broker = Redis.from_url(redis_url)
    broker.delete("helpdesk")

    def take():
        messages = [json.loads(raw) for raw in broker.lrange("helpdesk", 0, -1)]
        broker.delete("helpdesk")
        kwargs = [json.loads(b64decode(message["body"]))[1] for message in messages]
        expires = [message["headers"]["expires"] is not None for message in messages]
        return sorted(zip((found["destination"] for found in kwargs), expires, strict=True))

    yield take
    broker.delete("helpdesk")
    broker.close()


def ask(*names, key="k", seq=1, event_type="asked", **options):
    with atomic():
        return enqueue(event_type, {}, ordering_key=key, ordering_seq=seq, destinations=names, **options)


def receivers():
    return sorted(Lane.objects.values_list("destination", flat=True))


def test_a_source_adds_its_destinations_to_those_of_the_settings():
    assert list(destinations()) == ["helpdesk:a", "helpdesk:b", "scripted"]
    assert destination("helpdesk:a").queue == "helpdesk"


def test_a_name_in_the_settings_is_not_taken_over_by_a_source():
    Desks.entries["scripted"] = ENTRY | {"queue": "elsewhere"}
    assert destination("scripted").queue == destinations()["scripted"].queue == SCRIPTED["scripted"]["queue"]


def test_an_unknown_name_is_refused_with_those_of_settings_and_sources():
    with pytest.raises(UnknownDestination, match="configured are: helpdesk:a, helpdesk:b, scripted"):
        destination("helpdesk:c")


def test_an_event_reaches_those_that_were_named_and_those_of_its_type_once_each():
    ask("helpdesk:b", "scripted", "helpdesk:a", "helpdesk:b", event_type="told")
    assert receivers() == ["helpdesk:a", "helpdesk:b", "scripted"]


def test_no_event_type_is_routed_to_a_source():
    Desks.entries["helpdesk:a"] = ENTRY | {"events": ["told"]}
    ask(event_type="told")
    assert receivers() == ["scripted"]


def test_routing_a_turn_asks_no_source(settings):
    settings.OUTBOX_DESTINATION_SOURCES = ["there.is.no.such.source"]
    with CaptureQueriesContext(connection) as queries:
        assert destinations_for("told") == ["scripted"]
    assert not queries.captured_queries


def test_a_nudge_goes_to_each_destination_that_has_something_due(nudges):
    ask("helpdesk:b")
    tasks.relay_sources()
    assert nudges() == [("helpdesk:b", True)]


def test_what_rests_is_parked_sleeps_or_is_in_hand_gets_no_nudge(nudges):
    Desks.entries = {f"helpdesk:{name}": ENTRY for name in ("parked", "resting", "later", "leased", "due")}
    ask(*Desks.entries)
    operate.park_destination("helpdesk:parked", reason="disabled")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_destination_state (destination, failures, parked_reason, last_error_code, open_until)"
            " VALUES ('helpdesk:resting', 1, '', 'down', now() + interval '1 hour')"
        )
    Lane.objects.filter(destination="helpdesk:later").update(due_at="2999-01-01T00:00:00Z")
    claim(destination("helpdesk:leased"))
    tasks.relay_sources()
    assert [name for name, _ in nudges()] == ["helpdesk:due"]


def test_finding_what_is_due_takes_one_statement_however_many_there_are():
    names = [f"helpdesk:{number}" for number in range(200)]
    ask(*names)
    with CaptureQueriesContext(connection) as queries:
        assert due(names) == sorted(names)
    assert len(queries) == 1


def test_a_disabled_endpoint_keeps_everything_and_goes_on_when_it_is_released():
    operate.park_destination("helpdesk:a", reason="disabled")
    for seq in (1, 2):
        ask("helpdesk:a", seq=seq)
    tasks.relay(destination="helpdesk:a")
    assert statuses() == ["pending", "pending"]
    assert status()["helpdesk:a"]["state"] == "parked: disabled"
    operate.release_destination("helpdesk:a")
    tasks.relay(destination="helpdesk:a")
    assert statuses() == ["delivered", "delivered"]
    assert ScriptedHandler.received_seqs() == [1, 2]


def test_the_relay_of_a_source_returns_when_nothing_is_due(settings):
    settings.OUTBOX_RELAY_BUDGET_SECONDS = 3600  # it would not come back
    ask("helpdesk:a")
    tasks.relay(destination="helpdesk:a")
    assert statuses() == ["delivered"]


def test_an_endpoint_whose_worker_died_is_rescued_like_any_other():
    ask("helpdesk:a")
    claim(destination("helpdesk:a"))
    expire_leases()
    tasks.rescue()
    assert Lane.objects.get().rescues == 1
    tasks.relay(destination="helpdesk:a")
    assert statuses() == ["delivered"]


def test_rescue_leaves_the_lanes_of_a_deleted_endpoint_alone():
    ask("helpdesk:a")
    claim(destination("helpdesk:a"))
    expire_leases()
    del Desks.entries["helpdesk:a"]
    tasks.rescue()
    assert Lane.objects.get().leased_until is not None


def test_status_counts_what_a_deleted_endpoint_left_behind():
    ask("helpdesk:a")
    del Desks.entries["helpdesk:a"]
    assert status()["helpdesk:a"]["pending"] == 1


def test_lanes_in_flight_hold_over_all_workers_of_an_endpoint():
    Desks.entries["helpdesk:a"] = ENTRY | {"lanes_in_flight": 3}
    for number in range(10):
        ask("helpdesk:a", key=f"k{number}")
    where = destination("helpdesk:a")
    assert [len(claim(where)) for _ in range(2)] == [3, 0]


def test_the_command_acts_on_the_destination_of_a_source(capsys):
    ask("helpdesk:a")
    call_command("outbox", "relay", "helpdesk:a", "--once")
    assert statuses() == ["delivered"]
    with pytest.raises(CommandError, match="helpdesk:c"):
        call_command("outbox", "park", "helpdesk:c")


def test_layers_wrap_the_handler_the_first_outermost():
    path = "tests.outbox.test_sources."
    Desks.entries["helpdesk:a"] = ENTRY | {"layers": [path + "Outer", path + "Inner"]}
    ask("helpdesk:a")
    tasks.relay(destination="helpdesk:a")
    assert Recording.calls == ["Outer", "Inner"]
    assert statuses() == ["delivered"]


def test_a_handler_is_made_once_and_again_when_its_definition_changes():
    first = load_handler(destination("helpdesk:a"))
    assert first.destination.options == {"endpoint": 1}
    assert load_handler(destination("helpdesk:a")) is first
    assert load_handler(destination("helpdesk:b")) is not first
    Desks.entries["helpdesk:a"] = ENTRY | {"options": {"endpoint": 1, "version": 2}}
    assert load_handler(destination("helpdesk:a")).destination.options["version"] == 2


def test_a_handler_that_cannot_be_made_costs_an_attempt_and_loses_nothing():
    Desks.entries["helpdesk:a"] = ENTRY | {"handler": "tests.outbox.test_sources.Gone"}
    ask("helpdesk:a")
    tasks.relay(destination="helpdesk:a")
    assert Delivery.objects.get().last_error_code == "handler_error:ImportError"
    Desks.entries["helpdesk:a"] = ENTRY
    make_due()
    tasks.relay(destination="helpdesk:a")
    assert statuses() == ["delivered"]


@pytest.mark.parametrize("layer", ["no.such.layer", "outbox.models.Lane"])
def test_a_layer_that_cannot_work_is_named_by_a_system_check(settings, layer):
    settings.OUTBOX_DESTINATIONS = {"wrong": SCRIPTED["scripted"] | {"layers": [layer]}}
    assert "outbox.E009" in [found.id for found in run_checks()]


@pytest.mark.parametrize("source", ["no.such.source", "outbox.models.Lane"])
def test_a_source_that_cannot_work_is_named_by_a_system_check(settings, source):
    settings.OUTBOX_DESTINATION_SOURCES = [source]
    assert "outbox.E010" in [found.id for found in run_checks()]


def test_beat_looks_at_the_sources_every_second():
    entry = app.conf.beat_schedule["relay_sources"]
    assert (entry["task"], entry["schedule"]) == ("outbox.relay_sources", 1.0)
    assert entry["options"] == {"queue": "maintenance", "expires": 1.0}
