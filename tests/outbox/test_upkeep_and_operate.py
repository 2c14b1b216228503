"""What keeps the outbox tidy, and what an operator may do to it."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from prometheus_client import CollectorRegistry, generate_latest

from outbox import operate, upkeep
from outbox.claim import claim
from outbox.metrics import OutboxCollector
from outbox.models import Delivery, OutboxEvent
from outbox.outcomes import Dead, Delivered, Failed
from outbox.selectors import status
from outbox.settle import settle
from tests.outbox.support import (
    SCRIPTED,
    ScriptedHandler,
    asleep,
    go,
    lane,
    make_due,
    scripted,
    statuses,
    tell,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dead_head():
    """A conversation whose first event is dead and whose second one waits behind it."""
    tell(seq=1)
    tell(seq=2)
    ScriptedHandler.answer = staticmethod(
        lambda delivery: Dead("refused") if delivery.seq == 1 else Delivered()
    )
    go()
    assert statuses() == ["dead", "pending"]
    ScriptedHandler.reset()


def command(*arguments):
    out = StringIO()
    code = 0
    try:
        call_command("outbox", *arguments, "--json", stdout=out)
    except SystemExit as error:
        code = error.code
    return json.loads(out.getvalue().splitlines()[-1]), code


def test_a_redriven_event_is_delivered_before_what_waited_behind_it(dead_head):
    assert operate.redrive("scripted") == 1
    go()
    assert ScriptedHandler.received_seqs() == [1, 2]
    assert statuses() == ["redriven", "delivered", "delivered"]


def test_a_released_lane_goes_on_past_what_is_dead_and_keeps_it_visible(dead_head):
    assert operate.release_lanes("scripted") == 1
    go()
    assert ScriptedHandler.received_seqs() == [2]
    assert statuses() == ["released", "delivered"]


def test_redrive_takes_one_lane_one_delivery_or_a_time_range(dead_head):
    stuck = Delivery.objects.get(status="dead")
    hour = timedelta(hours=1)
    assert operate.redrive("scripted", operate.Which(ordering_key="another")) == 0
    assert operate.redrive("scripted", operate.Which(ids=[stuck.pk + 100])) == 0
    assert operate.redrive("scripted", operate.Which(before=stuck.settled_at - hour)) == 0
    assert operate.redrive("scripted", operate.Which(after=stuck.settled_at - hour, ids=[stuck.pk])) == 1


def test_redriving_twice_sends_once(dead_head):
    assert operate.redrive("scripted") == 1
    assert operate.redrive("scripted") == 0


def test_a_parked_lane_sends_nothing_until_it_is_released():
    tell()
    assert operate.park_lanes("scripted", operate.Which(ordering_key="k"), reason="hold on") == 1
    assert go().lanes == 0
    assert lane().parked_reason == "hold on"
    assert operate.release_lanes("scripted", operate.Which(ordering_key="k")) == 1
    assert go().delivered == 1


def test_parking_a_lane_fences_the_worker_that_holds_it():
    tell()
    held = claim(scripted())
    operate.park_lanes("scripted")
    assert settle(scripted(), held, {held[0].deliveries[0].id: Delivered()}).fenced == 1
    assert statuses() == ["pending"]


def test_a_parked_destination_sends_nothing_until_it_is_released():
    tell()
    operate.park_destination("scripted", reason="maintenance")
    assert go().lanes == 0
    assert status()["scripted"]["state"] == "parked: maintenance"
    assert operate.release_destination("scripted") == 1
    assert go().delivered == 1


def test_the_reconciler_wakes_a_lane_that_sleeps_over_something_and_counts_it():
    tell()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_lane SET due_at = 'infinity'")
    assert status()["scripted"]["asleep_with_pending"] == 1
    assert upkeep.reconcile() == {"scripted": 1}
    assert upkeep.asleep_with_pending() == {}
    assert go().delivered == 1


def test_the_reconciler_leaves_parked_and_leased_lanes_alone():
    tell("parked")
    operate.park_lanes("scripted")
    tell("leased")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_lane SET due_at = 'infinity', leased_until = now() + interval '1 hour' "
            "WHERE ordering_key = 'leased'"
        )
    assert upkeep.reconcile() == {}


def test_prune_deletes_old_settled_rows_with_their_events_and_nothing_else(dead_head):
    tell("fresh")
    tell("old")
    go()
    Delivery.objects.filter(lane__ordering_key="old").update(settled_at=datetime.now(UTC) - timedelta(days=2))
    assert upkeep.prune(keep_seconds=24 * 3600) == 1
    assert sorted(OutboxEvent.objects.values_list("ordering_key", flat=True)) == ["fresh", "k", "k"]


def test_prune_keeps_what_is_dead_however_old_it_is(dead_head):
    Delivery.objects.filter(status="dead").update(settled_at=datetime.now(UTC) - timedelta(days=900))
    assert upkeep.prune(keep_seconds=0) == 0
    assert Delivery.objects.filter(status="dead").exists()


def test_prune_works_in_batches():
    for number in range(25):
        tell(f"k{number}")
    while go().lanes:
        pass
    assert upkeep.prune(keep_seconds=-1, batch=10, batches=2) == 20
    assert upkeep.prune(keep_seconds=-1, batch=10) == 5


def test_the_status_command_says_by_its_exit_status_that_somebody_has_to_look(dead_head):
    found, code = command("status")
    assert (
        found["destinations"]["scripted"] | {"dead": 1, "pending": 1, "state": "ok"}
        == found["destinations"]["scripted"]
    )
    assert code == 1
    assert command("redrive", "scripted") == ({"affected": 1}, 0)
    assert command("relay", "scripted", "--once") == ({"affected": 2}, 0)
    assert command("status")[1] == 0


def test_the_command_parks_and_releases_lanes_and_destinations():
    tell()
    assert command("park", "scripted", "--lane", "k")[0] == {"affected": 1}
    assert asleep()
    assert command("release", "scripted", "--lane", "k")[0] == {"affected": 1}
    assert command("park", "scripted")[0] == {"affected": 1}
    assert command("release", "scripted")[0] == {"affected": 1}
    assert command("prune", "--older-than-hours", "1")[0] == {"affected": 0}


def test_an_unknown_destination_is_refused_with_the_names_that_exist():
    with pytest.raises(CommandError, match="configured are: scripted") as refused:
        call_command("outbox", "redrive", "nowhere")
    assert refused.value.returncode == 2


@pytest.mark.parametrize(
    ("change", "check_id"),
    [
        ({"handlr": "x"}, "outbox.E001"),
        ({"handler": "no.such.Handler"}, "outbox.E002"),
        ({"handler": "outbox.models.Lane"}, "outbox.E003"),
        ({"schedule": []}, "outbox.E004"),
        ({"breaker": [0]}, "outbox.E005"),
        ({"jitter": 1}, "outbox.E006"),
        ({"on_exhausted": "shrug"}, "outbox.E007"),
        ({"lanes_per_claim": 0}, "outbox.E008"),
        ({"events": []}, "outbox.W001"),
    ],
)
def test_a_destination_that_cannot_work_is_named_by_a_system_check(settings, change, check_id):
    settings.OUTBOX_DESTINATIONS = {"wrong": SCRIPTED["scripted"] | change}
    assert check_id in [found.id for found in run_checks()]


def test_the_counters_and_the_lag_survive_in_postgres():
    for number in range(3):
        tell(f"k{number}")
    ScriptedHandler.answer = staticmethod(
        lambda delivery: Failed("no") if delivery.ordering_key == "k0" else Delivered()
    )
    go()
    make_due()
    registry = CollectorRegistry()
    registry.register(OutboxCollector())
    text = generate_latest(registry).decode()
    assert 'holdfast_outbox_delivered_total{destination="scripted"} 2.0' in text
    assert 'holdfast_outbox_errors_total{code="no",destination="scripted"} 1.0' in text
    assert 'holdfast_outbox_lag_seconds_bucket{destination="scripted",le="+Inf"} 2.0' in text
    assert 'holdfast_outbox_retrying{destination="scripted"} 1.0' in text
    assert "holdfast_postgres_up 1.0" in text
