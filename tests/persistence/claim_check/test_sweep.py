"""When an object goes, and when it must not."""

import pytest
from django.db import connection

from outbox import operate, upkeep
from outbox.models import Delivery
from outbox.outcomes import Dead, Delivered, Failed
from persistence.claim_check import fetch
from persistence.claim_check.store import claims_store
from persistence.claim_check.sweep import Swept, delete, take
from persistence.models import ClaimCheck
from persistence.tasks import sweep_claims
from tests.outbox.support import ScriptedHandler, make_due, statuses, tell
from tests.persistence.claim_check.support import (
    DAY,
    LARGE,
    check_of,
    claim_row,
    pass_everything,
    pass_time,
    run,
    sweep_now,
)

pytestmark = pytest.mark.django_db(transaction=True)


def answer(outcome):
    ScriptedHandler.answer = staticmethod(lambda delivery: outcome)


def stored():
    return [found.key for found in claims_store().list()]


def test_an_object_stays_for_the_grace_and_as_long_as_its_address_promised():
    event_id = tell(**LARGE)
    run()
    sweep_now(claims_store())
    pass_everything(days=6.5)  # the grace is over, the address still good
    assert sweep_now(claims_store()) == Swept()
    assert fetch(check_of(), store=claims_store())
    pass_everything(days=1)
    assert sweep_now(claims_store()) == Swept(deleted=1)
    assert stored() == []
    assert claim_row(event_id).deleted_at is not None


def test_the_grace_begins_when_the_last_delivery_was_settled():
    tell(**LARGE)
    run()
    pass_time(expires=8)
    assert sweep_now(claims_store(), grace_days=1) == Swept()
    assert sweep_now(claims_store(), grace_days=0) == Swept(deleted=1)


def test_an_object_goes_although_its_event_was_pruned_before():
    tell(**LARGE)
    run()
    assert upkeep.prune(keep_seconds=0) == 1
    pass_time(expires=8)
    assert sweep_now(claims_store(), grace_days=0) == Swept(deleted=1)


def test_what_waits_for_its_next_try_is_never_swept():
    answer(Failed("no"))
    tell(**LARGE)
    run()
    pass_everything(days=1000)
    assert sweep_now(claims_store()) == Swept()
    assert len(stored()) == 1


def test_what_is_dead_is_swept_after_the_limit_and_stored_again_when_it_is_redriven():
    answer(Dead("no"))
    event_id = tell(**LARGE)
    run()
    pass_everything(days=13)
    assert sweep_now(claims_store()) == Swept()
    pass_everything(days=2)
    assert sweep_now(claims_store()) == Swept(deleted=1)
    assert stored() == []
    answer(Delivered())
    operate.redrive("scripted")
    run()
    assert statuses() == ["redriven", "delivered"]
    assert fetch(check_of(), store=claims_store()) == LARGE["transcript"]["turns"]
    assert claim_row(event_id).deleted_at is None


def test_a_redrive_at_the_moment_of_sweeping_waits_and_then_stores_it_again():
    answer(Dead("no"))
    tell(**LARGE)
    run()
    pass_everything(days=20)
    (taken,) = take(0, grace_seconds=0, abandoned_seconds=14 * DAY)
    answer(Delivered())
    operate.redrive("scripted")
    run()
    assert Delivery.objects.get(status="pending").last_error_code == "claim_being_swept"
    delete(claims_store(), taken)
    make_due()
    run()
    assert fetch(check_of(), store=claims_store()) == LARGE["transcript"]["turns"]


def test_a_sweeper_that_died_holds_nothing_up_for_long():
    answer(Dead("no"))
    tell(**LARGE)
    run()
    pass_everything(days=20)
    take(0, grace_seconds=0, abandoned_seconds=14 * DAY)
    pass_time(sweeping=1)
    assert sweep_now(claims_store()) == Swept(deleted=1)


def test_a_late_sweeper_does_not_write_off_what_was_stored_again():
    answer(Dead("no"))
    event_id = tell(**LARGE)
    run()
    pass_everything(days=20)
    (taken,) = take(0, grace_seconds=0, abandoned_seconds=14 * DAY)
    pass_time(sweeping=1)
    answer(Delivered())
    operate.redrive("scripted")
    run()
    delete(claims_store(), taken)
    assert claim_row(event_id).deleted_at is None


def test_two_sweepers_do_not_take_the_same_object():
    for number in range(3):
        tell(f"k{number}", **LARGE)
    run()
    pass_everything(days=20)
    sweep_settles = {"grace_seconds": 0, "abandoned_seconds": 14 * DAY}
    assert len(take(0, **sweep_settles)) == 3
    assert take(0, **sweep_settles) == []


def test_a_store_that_is_out_ends_the_sweep_and_the_next_one_goes_on(in_s3):
    for number in range(3):
        tell(f"k{number}", **LARGE)
    run()
    pass_everything(days=20)
    in_s3.fail("status", status=503)
    assert sweep_now(claims_store()) == Swept(failed=1)
    in_s3.heal()
    pass_time(sweeping=1)
    assert sweep_now(claims_store()) == Swept(deleted=3)
    assert in_s3.objects() == {}


def test_one_object_that_cannot_be_deleted_does_not_keep_the_others(in_s3):
    for number in range(3):
        tell(f"k{number}", **LARGE)
    run()
    pass_everything(days=20)
    in_s3.fail("status", status=409, times=1)
    assert sweep_now(claims_store()) == Swept(deleted=2, failed=1)


def test_rows_of_what_is_long_gone_are_forgotten():
    tell(**LARGE)
    run()
    pass_everything(days=20)
    sweep_now(claims_store())
    pass_time(deleted=29)
    sweep_now(claims_store())
    assert ClaimCheck.objects.count() == 1
    pass_time(deleted=2)
    sweep_now(claims_store())
    assert not ClaimCheck.objects.exists()


def test_the_task_sweeps_with_the_times_of_the_settings(settings):
    settings.CLAIM_CHECK_GRACE_HOURS = 48
    tell(**LARGE)
    run()
    sweep_claims()
    pass_time(expires=10, settled=1)
    sweep_claims()
    assert len(stored()) == 1
    pass_time(settled=1.1)
    sweep_claims()
    assert stored() == []


def test_sweeping_takes_a_fixed_number_of_statements(django_assert_num_queries):
    for number in range(20):
        tell(f"k{number}", **LARGE)
    run()
    with django_assert_num_queries(3):
        sweep_now(claims_store())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM persistence_claim_check WHERE settled_at IS NOT NULL")
        assert cursor.fetchone() == (20,)
