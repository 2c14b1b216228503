"""Claim, act and settle against the real database."""

import itertools

import pytest
from django.db import connection

from outbox.models import Delivery, DestinationState, Lane
from outbox.outcomes import Dead, Delivered, Failed, Gone, Parked, Unavailable
from outbox.relay import relay
from outbox.selectors import status
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


def answer(outcome, *, only_seq=None):
    ScriptedHandler.answer = staticmethod(
        lambda delivery: outcome if only_seq in (None, delivery.seq) else Delivered()
    )


def test_events_of_one_key_arrive_in_order_and_the_lane_goes_to_sleep():
    for seq in range(1, 8):
        tell(seq=seq)
    go()
    assert ScriptedHandler.received_seqs() == list(range(1, 8))
    assert asleep()
    assert statuses() == ["delivered"] * 7


def test_the_receiver_is_given_the_same_event_id_again_after_a_failure():
    tell()
    answer(Failed("lost_answer"))
    go()
    answer(Delivered())
    make_due()
    go()
    first, second = ScriptedHandler.received
    assert first.event_id == second.event_id
    assert second.attempts == 1


def test_what_waits_for_something_of_ours_spends_no_attempt_and_leaves_the_breaker_alone():
    tell("a")
    answer(Unavailable("store_out", after=900, breaker=False))
    go()
    assert not DestinationState.objects.exists()
    waiting = Delivery.objects.get()
    assert (waiting.status, waiting.attempts, waiting.last_error_code) == ("pending", 0, "store_out")
    with connection.cursor() as cursor:
        cursor.execute("SELECT due_at > now() + interval '890 seconds' FROM outbox_lane")
        assert cursor.fetchone() == (True,)
    tell("b")
    answer(Delivered())
    go()
    assert ScriptedHandler.received_seqs("b") == [1]


def test_a_failing_event_blocks_its_own_conversation_only():
    for key, seq in itertools.product("ab", (1, 2)):
        tell(key, seq)
    ScriptedHandler.answer = staticmethod(
        lambda delivery: Failed("no") if delivery.ordering_key == "a" else Delivered()
    )
    go()
    assert ScriptedHandler.received_seqs("a") == [1]
    assert ScriptedHandler.received_seqs("b") == [1, 2]


def test_a_failure_waits_as_long_as_the_schedule_says(settings):
    settings.OUTBOX_DESTINATIONS = {"scripted": SCRIPTED["scripted"] | {"schedule": [100, 1000, 5000]}}
    tell()
    answer(Failed("no"))
    waits = []
    for _ in range(3):
        go()
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM due_at - now())::int FROM outbox_lane")
            waits.append(cursor.fetchone()[0])
        make_due()
    assert [round(wait, -2) for wait in waits] == [100, 1000, 5000]


def test_jitter_multiplies_the_delay(settings):
    settings.OUTBOX_DESTINATIONS = {"scripted": SCRIPTED["scripted"] | {"jitter": 0.2}}
    delays = [scripted().jittered(100) for _ in range(200)]
    assert 80 <= min(delays) < 90 < 110 < max(delays) <= 120


def test_a_longer_wait_that_the_receiver_asks_for_is_kept():
    tell()
    answer(Failed("throttled", after=4000))
    go()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM due_at - now()) > 3900 FROM outbox_lane")
        assert cursor.fetchone()[0]


def test_an_exhausted_schedule_leaves_the_event_dead_and_its_lane_parked_in_sight():
    tell(seq=1)
    tell(seq=2)
    answer(Failed("no"))
    for _ in range(4):
        go()
        make_due()
    assert statuses() == ["dead", "pending"]
    assert lane().parked_reason == "dead: no"
    make_due()
    assert go().lanes == 0
    assert status()["scripted"]["dead"] == 1


def test_a_destination_that_repeats_for_ever_never_lets_an_event_die(settings):
    settings.OUTBOX_DESTINATIONS = {"scripted": SCRIPTED["scripted"] | {"on_exhausted": "repeat"}}
    tell()
    answer(Failed("no"))
    for _ in range(12):
        go()
        make_due()
    assert statuses() == ["pending"]
    assert Delivery.objects.get().attempts == 12


def test_a_destination_may_skip_what_is_dead(settings):
    settings.OUTBOX_DESTINATIONS = {"scripted": SCRIPTED["scripted"] | {"on_exhausted": "skip"}}
    tell(seq=1)
    tell(seq=2)
    answer(Dead("refused"), only_seq=1)
    go()
    go()
    assert statuses() == ["dead", "delivered"]


def test_a_parked_delivery_parks_its_lane():
    tell()
    answer(Parked("look_at_this"))
    go()
    assert statuses() == ["parked"]
    assert lane().parked_reason == "parked: look_at_this"


def test_an_outage_spends_no_attempts_and_opens_the_breaker_for_everybody():
    for number in range(40):
        tell(f"k{number}")
    answer(Unavailable("down"))
    assert go().lanes == 16
    assert go().lanes == 0
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert status()["scripted"]["state"] == "resting: down"


def test_after_an_outage_one_lane_probes_and_the_first_delivery_opens_the_gate():
    for number in range(40):
        tell(f"k{number}")
    answer(Unavailable("down"))
    go()
    make_due()
    assert go().lanes == 1
    answer(Delivered())
    make_due()
    assert go().lanes == 1
    assert go().lanes == 16
    assert DestinationState.objects.get().failures == 0


def test_the_breaker_rests_longer_with_each_failure_in_a_row_up_to_its_limit():
    assert [scripted().rest(failures) for failures in (1, 2, 3, 4, 5, 50)] == [1, 2, 5, 15, 15, 15]


def test_a_destination_that_is_gone_is_parked_as_a_whole():
    tell("a")
    tell("b")
    answer(Gone("410"))
    go()
    make_due()
    assert go().lanes == 0
    assert statuses() == ["pending", "pending"]
    assert status()["scripted"]["state"] == "parked: gone: 410"


def test_an_exception_in_a_handler_costs_one_attempt_and_loses_nothing(caplog):
    tell()

    def explode(delivery):
        raise RuntimeError("bug")

    ScriptedHandler.answer = staticmethod(explode)
    go()
    found = Delivery.objects.get()
    assert (found.status, found.attempts, found.last_error_code) == (
        "pending",
        1,
        "handler_error:RuntimeError",
    )
    assert "the events stay" in caplog.text


def test_relay_stops_at_its_budget_and_when_told_to():
    tell()
    assert relay(scripted(), budget=0, poll=0).lanes == 0
    assert relay(scripted(), budget=60, poll=0, stopped=lambda: True).lanes == 0
    assert relay(scripted(), budget=60, poll=0, until_empty=True).delivered == 1


def test_what_is_due_is_found_also_behind_a_large_dead_backlog():
    for number in range(60):
        tell(f"dead{number}")
    Lane.objects.update(parked_reason="dead: no")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_lane SET due_at = 'infinity'")
    tell("alive")
    go()
    assert ScriptedHandler.received_seqs("alive") == [1]
