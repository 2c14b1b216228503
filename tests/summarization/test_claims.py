"""Claims: one holder at a time, by the database's clock, and nobody settles what is no longer theirs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection

from summarization.claims import (
    MOST_DETAIL,
    WORKER_LOST,
    Claim,
    Spent,
    end,
    fail,
    release,
    skip,
    take,
    take_one,
)
from summarization.models import SummaryItem
from tests.summarization.support import claimed, conversation, item, plan, run, say

pytestmark = pytest.mark.django_db(transaction=True)
EXPIRE = "UPDATE summarization_item SET claimed_until = clock_timestamp() - interval '1 second' WHERE state = 'working'"


def expire() -> None:
    """Let every lease end now."""
    with connection.cursor() as cursor:
        cursor.execute(EXPIRE)


def planned(number: int, *, chunk: int = 0):
    of = run()
    return of, [plan(conversation(), of, chunk=chunk).pk for _ in range(number)]


def test_a_chunk_is_claimed_in_the_order_of_its_conversations_and_no_further_than_asked():
    of, pks = planned(5)
    first, second = take(of.pk, 0, 3, 60), take(of.pk, 0, 3, 60)
    assert [claim.conversation_pk for claim in first + second] == pks
    assert take(of.pk, 0, 3, 60) == []
    assert len({claim.token for claim in first + second}) == 5
    assert {(claim.run_pk, claim.to_seq, claim.failures) for claim in first} == {(of.pk, 2, 0)}


def test_other_chunks_and_runs_and_what_is_settled_are_left_alone():
    of, [pk] = planned(1, chunk=2)
    for state in ("done", "skipped", "failed"):
        plan(conversation(), of, chunk=2, state=state)
    assert take(of.pk, 1, 10, 60) == []
    assert take(run().pk, 2, 10, 60) == []
    assert [claim.conversation_pk for claim in take(of.pk, 2, 10, 60)] == [pk]


def test_two_workers_never_hold_the_same_conversation():
    of, pks = planned(40)
    barrier = threading.Barrier(4)

    def work(_: int) -> list[int]:
        barrier.wait()
        held = []
        try:
            while claims := take(of.pk, 0, 3, 60):
                held += [claim.conversation_pk for claim in claims]
        finally:
            connection.close()
        return held

    with ThreadPoolExecutor(4) as pool:
        held = [pk for share in pool.map(work, range(4)) for pk in share]
    assert sorted(held) == pks


def test_what_a_lost_worker_held_is_taken_over_one_by_one():
    of, pks = planned(3)
    lost = take(of.pk, 0, 3, 60)
    assert take(of.pk, 0, 3, 60) == []
    expire()
    plan(conversation(), of)
    [again] = take(of.pk, 0, 3, 60)
    assert again.conversation_pk == pks[0]
    assert again.token != lost[0].token


def test_a_late_worker_cannot_settle_a_claim_that_was_taken_over():
    of, [pk] = planned(1)
    [late] = take(of.pk, 0, 1, 60)
    expire()
    [now] = take(of.pk, 0, 1, 60)
    for settle in (lambda: skip(late, "trivial"), lambda: fail(late, "x", "y"), lambda: release(late)):
        assert not settle()
    assert item(pk).state == "working"
    assert item(pk).claimed_by == now.token
    assert end(now, "done")
    assert not end(now, "done")


def test_a_late_worker_may_settle_what_nobody_has_taken_over():
    of, [pk] = planned(1)
    [late] = take(of.pk, 0, 1, 60)
    expire()
    assert end(late, "done")
    assert item(pk).state == "done"


def test_a_conversation_that_takes_its_worker_down_each_time_fails_and_the_others_go_on():
    of, [poison] = planned(1)
    assert take(of.pk, 0, 5, 60)
    for _ in range(2):
        expire()
        assert [claim.conversation_pk for claim in take(of.pk, 0, 5, 60)] == [poison]
    expire()
    other = plan(conversation(), of).pk
    assert [claim.conversation_pk for claim in take(of.pk, 0, 5, 60)] == [other]
    assert (item(poison).state, item(poison).reason, item(poison).failures) == ("failed", WORKER_LOST, 1)
    assert item(poison).rescues == 0


def test_how_it_ended_is_written_down_with_what_it_took():
    claim = claimed(conversation())
    assert fail(claim, "wrong_shape", "It is no JSON.", Spent(120, 30, Decimal("0.000345")))
    found = item(claim.conversation_pk)
    assert (found.state, found.reason, found.detail) == ("failed", "wrong_shape", "It is no JSON.")
    assert (found.tokens_in, found.tokens_out, found.cost_usd) == (120, 30, Decimal("0.000345"))
    assert (found.claimed_by, found.claimed_until, found.failures) == (None, None, 1)


def test_a_reason_that_is_too_long_or_cannot_be_stored_is_no_second_failure():
    claim = claimed(conversation())
    assert fail(claim, "r" * 500, "d\x00" * 5_000)
    found = item(claim.conversation_pk)
    assert (len(found.reason), len(found.detail)) == (60, MOST_DETAIL // 2)


def test_failures_count_for_the_same_stretch_only():
    pk = conversation(session_id="s")
    for failures in (1, 2):
        assert fail(claimed(pk), "x", "")
        assert item(pk).failures == failures
    say("and something else", "yes?", session_id="s")
    assert claimed(pk).failures == 0
    assert (item(pk).to_seq, item(pk).failures) == (3, 0)


def test_what_was_read_further_than_planned_is_settled_that_far():
    pk = conversation()
    claim = claimed(pk)
    assert fail(claim, "x", "", to_seq=claim.to_seq + 1)
    assert (item(pk).to_seq, item(pk).failures) == (3, 1)


def test_one_conversation_can_be_claimed_without_any_plan_but_not_twice():
    pk = conversation()
    claim = take_one(pk, 60)
    assert claim == Claim(pk, item(pk).claimed_by, 2, 0, None)
    assert item(pk).domain == "demo"
    assert take_one(pk, 60) is None
    expire()
    again = take_one(pk, 60)
    assert again is not None
    assert again.token != claim.token


def test_one_conversation_that_does_not_exist_cannot_be_claimed():
    assert take_one(4_711, 60) is None
    assert not SummaryItem.objects.exists()


def test_what_is_claimed_out_of_turn_stays_part_of_its_run():
    of, [pk] = planned(1)
    assert claimed(pk).run_pk == of.pk
    assert take(of.pk, 0, 5, 60) == []


def test_a_claim_that_is_given_back_can_be_taken_at_once():
    of, [pk] = planned(1)
    [claim] = take(of.pk, 0, 1, 60)
    assert release(claim)
    assert item(pk).state == "pending"
    assert [again.conversation_pk for again in take(of.pk, 0, 1, 60)] == [pk]


def test_a_claim_with_a_token_of_ones_own_making_holds_nothing():
    pk = conversation()
    assert claimed(pk)
    assert not end(Claim(pk, uuid4(), 2, 0, None), "done")
    assert item(pk).state == "working"
