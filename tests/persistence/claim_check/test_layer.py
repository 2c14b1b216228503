"""Events that are too large, on their way through the layer: real Postgres, a directory, and S3 over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from outbox import operate
from outbox.claim import claim
from outbox.destinations import destination, load_handler
from outbox.models import Delivery, DestinationState
from outbox.outcomes import Dead, Delivered, Failed
from persistence.claim_check import fetch
from persistence.claim_check.store import claims_store
from persistence.models import ClaimCheck
from tests.outbox.support import ScriptedHandler, make_due, statuses, tell
from tests.persistence.claim_check.support import (
    LARGE,
    SMALL,
    behind_claim_check,
    bodies,
    check_of,
    claim_row,
    http_get,
    pass_time,
    run,
)

pytestmark = pytest.mark.django_db(transaction=True)


def answer_once(outcome):
    """Let the first send have this outcome and all others arrive."""
    sends = []

    def answer(delivery):
        sends.append(delivery)
        return outcome if len(sends) == 1 else Delivered()

    ScriptedHandler.answer = staticmethod(answer)


def keys():
    return [found.key for found in claims_store().list()]


def test_a_small_event_goes_as_it_is_and_touches_no_store(settings):
    settings.CLAIM_CHECK_URL = "s3://nobody-there"
    tell(**SMALL)
    run()
    assert ScriptedHandler.received[0].payload == SMALL
    assert not ClaimCheck.objects.exists()


def test_a_large_part_lies_in_the_store_and_the_event_says_where():
    event_id = tell(**LARGE)
    run()
    assert statuses() == ["delivered"]
    payload = ScriptedHandler.received[0].payload
    assert payload["case_id"] == "c1"
    assert payload["transcript"].keys() == {"count", "claim_check"}
    check = check_of()
    assert check.keys() == {"key", "bytes", "sha256", "content_type", "expires_at", "url"}
    assert fetch(check, store=claims_store()) == LARGE["transcript"]["turns"]
    row = claim_row(event_id)
    assert (row.key, row.bytes, row.sha256) == (check["key"], check["bytes"], check["sha256"])
    assert check["expires_at"] == row.expires_at.isoformat()
    assert timedelta(days=6.9) < row.expires_at - timezone.now() <= timedelta(days=7)


def test_without_a_part_all_of_the_payload_lies_there_but_what_is_kept(settings):
    settings.OUTBOX_DESTINATIONS = behind_claim_check(part=None)
    tell(**LARGE)
    run()
    assert ScriptedHandler.received[0].payload.keys() == {"case_id", "claim_check"}
    assert fetch(check_of(), store=claims_store()) == LARGE


def test_whoever_holds_the_address_can_fetch_it_from_s3(in_s3):
    tell(**LARGE)
    run()
    assert fetch(check_of(), get=http_get) == LARGE["transcript"]["turns"]
    assert in_s3.objects().keys() == {f"claims/{check_of()['key']}"}


@pytest.mark.urls("tests.persistence.claim_check.urls")
def test_whoever_holds_the_address_can_fetch_it_from_us(live_server, settings):
    settings.PUBLIC_URL = live_server.url
    tell(**LARGE)
    run()
    assert fetch(check_of(), get=http_get) == LARGE["transcript"]["turns"]


def test_every_try_of_an_event_has_the_very_same_body(in_s3):
    ScriptedHandler.answer = staticmethod(lambda delivery: Failed("lost_answer"))
    tell(**LARGE)
    for _ in range(3):
        run()
        make_due()
    assert len(bodies()) >= 3
    assert len(set(bodies())) == 1
    assert len(in_s3.objects()) == 1


def test_an_address_whose_time_is_over_is_replaced_by_a_new_one():
    event_id = tell(**LARGE)
    answer_once(Failed("no"))
    run()
    ClaimCheck.objects.update(url="https://holdfast.example/claims/old")
    pass_time(expires=7)
    make_due()
    run()
    first, second = check_of(0), check_of(1)
    assert (first["key"], first["sha256"]) == (second["key"], second["sha256"])
    assert second["url"] not in ("", "https://holdfast.example/claims/old")
    assert second["expires_at"] == claim_row(event_id).expires_at.isoformat()
    assert claim_row(event_id).expires_at > timezone.now() + timedelta(days=6.9)


def test_a_store_that_is_out_holds_its_own_event_back_and_spends_no_attempt(in_s3):
    tell("large", **LARGE)
    tell("small", **SMALL)
    in_s3.fail("status", status=503)
    run()
    assert [delivery.ordering_key for delivery in ScriptedHandler.received] == ["small"]
    waiting = Delivery.objects.get(status="pending")
    assert (waiting.attempts, waiting.last_error_code) == (0, "claim_store:throttled")
    assert waiting.next_at > timezone.now()
    assert not DestinationState.objects.filter(failures__gt=0).exists()
    in_s3.heal()
    make_due()
    run()
    assert statuses() == ["delivered", "delivered"]


def test_a_store_that_is_out_is_asked_once_for_all_lanes(in_s3):
    for number in range(5):
        tell(f"k{number}", **LARGE)
    in_s3.stop()
    try:
        run()
    finally:
        in_s3.start()
    assert not ScriptedHandler.received
    assert ClaimCheck.objects.count() == 1
    assert set(Delivery.objects.values_list("last_error_code", flat=True)) == {"claim_store:unreachable"}
    make_due()
    run()
    assert statuses() == ["delivered"] * 5


def test_a_lane_goes_on_up_to_the_event_that_could_not_be_stored(in_s3):
    tell(seq=1, **SMALL)
    tell(seq=2, **LARGE)
    tell(seq=3, **SMALL)
    in_s3.fail("status", status=500)
    run()
    assert ScriptedHandler.received_seqs() == [1]
    assert statuses() == ["delivered", "pending", "pending"]
    in_s3.heal()
    make_due()
    run()
    assert ScriptedHandler.received_seqs() == [1, 2, 3]


def test_what_stands_behind_a_failed_send_is_not_charged_for_the_store(in_s3):
    tell(seq=1, **SMALL)
    tell(seq=2, **LARGE)
    in_s3.fail("status", status=413)  # about this object alone
    answer_once(Failed("no"))
    run()
    first, second = Delivery.objects.order_by("seq")
    assert (first.last_error_code, second.last_error_code) == ("no", "")
    assert second.attempts == 0


def test_other_content_under_the_key_is_parked_for_a_person():
    event_id = tell(**LARGE)
    answer_once(Failed("no"))
    run()
    key = claim_row(event_id).key
    claims_store().delete(key)
    claims_store().put_if_absent(key, b"other")
    make_due()
    run()
    assert Delivery.objects.get().last_error_code == "claim_differs"
    assert statuses() == ["parked"]
    assert len(ScriptedHandler.received) == 1


def test_an_event_that_an_outer_layer_completes_differently_later_is_another_object(settings):
    event_id = tell(**LARGE)
    answer_once(Failed("no"))
    run()
    settings.OUTBOX_DESTINATIONS = behind_claim_check(part="transcript")
    make_due()
    run()
    assert statuses() == ["delivered"]
    assert ClaimCheck.objects.filter(event_id=event_id).count() == len(keys()) == 2


def test_a_directory_without_a_public_address_waits_for_the_setting(settings):
    settings.PUBLIC_URL = ""
    tell(**LARGE)
    run()
    waiting = Delivery.objects.get()
    assert (waiting.status, waiting.attempts, waiting.last_error_code) == (
        "pending",
        0,
        "claim_no_public_url",
    )
    settings.PUBLIC_URL = "https://holdfast.example"
    make_due()
    run()
    assert check_of()["url"].startswith("https://holdfast.example/claims/")


def test_nothing_is_stored_once_the_time_to_send_is_over():
    tell(**LARGE)
    (lane,) = claim(destination("scripted"))
    assert load_handler(destination("scripted")).deliver([lane.deliveries], lambda: False) == {}
    assert not ClaimCheck.objects.exists()


def test_a_redriven_event_keeps_its_key_and_its_id():
    event_id = tell(**LARGE)
    answer_once(Dead("no"))
    run()
    assert operate.redrive("scripted") == 1
    run()
    assert [delivery.event_id for delivery in ScriptedHandler.received] == [event_id, event_id]
    assert len(set(bodies())) == 1
    assert keys() == [check_of()["key"]]
