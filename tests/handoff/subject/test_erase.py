"""What is erased of a customer's cases, and what stands in the way."""

import threading

import pytest
from django.db import connection, transaction

from handoff import search
from handoff.cases import actions
from handoff.cases.merge import merge
from handoff.errors import CaseNotFound
from handoff.models import CaseEvent, SupportCase
from outbox.claim import claim
from outbox.destinations import destination
from outbox.models import Delivery, Lane
from persistence.control import lock_conversation
from persistence.models import Conversation
from tests.handoff.delivery.support import another_worker, carry, endpoint_for
from tests.handoff.subject.kit import (
    PART,
    closed,
    erase,
    kept,
    subject_of,
    wait_until_somebody_waits,
)
from tests.handoff.support import ANNA, ask, case_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_case_in_which_something_is_owed_stands_in_the_way_until_it_is_closed():
    found = ask()
    case = case_of(found)
    subject = subject_of(case, customer_ref=None)
    (sentence,) = PART.hindrances(subject)
    assert sentence.startswith(f"Case {case.case_id} is open. Close or cancel it first")
    actions.claim(found.case_id, actor=ANNA)
    actions.reply(found.case_id, actor=ANNA, text="Which card?")
    actions.wait(found.case_id, actor=ANNA)
    (sentence,) = PART.hindrances(subject)
    assert "waits for the customer" in sentence
    actions.close(found.case_id, actor=ANNA)
    assert PART.hindrances(subject) == []


def test_consent_that_is_awaited_stands_in_the_way_too():
    case = case_of(ask(consent_required=True))
    (sentence,) = PART.hindrances(subject_of(case))
    assert "waits for the customer's consent" in sentence


def test_what_a_worker_is_sending_at_this_moment_stands_in_the_way_until_it_has_settled(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    subject = subject_of(case)
    claim(destination(endpoint.destination))
    (sentence,) = PART.hindrances(subject)
    assert sentence.startswith(f"helpdesk:hook is being told of {case.case_id} at this moment. Wait a minute")
    another_worker(endpoint)
    assert PART.hindrances(subject) == []


def test_a_reply_on_its_way_to_the_app_stands_in_the_way(desk):
    endpoint = endpoint_for(desk, slug="app", purpose="replies")
    case = closed()
    claim(destination(endpoint.destination))
    (sentence,) = PART.hindrances(subject_of(case))
    assert sentence.startswith(f"replies:app is being told of {case.conversation.public_id}")


def test_between_the_question_and_the_commit_no_worker_takes_up_what_is_about_to_be_erased(desk):
    endpoint = endpoint_for(desk)
    subject = subject_of(closed())
    taken: list[int] = []

    def other_worker() -> None:
        taken.append(len(claim(destination(endpoint.destination))))
        connection.close()

    def claims() -> int:
        thread = threading.Thread(target=other_worker)
        thread.start()
        thread.join()
        return taken[-1]

    with transaction.atomic():
        assert PART.hindrances(subject) == []
        assert claims() == 0
    assert claims() == 1


def test_erasing_takes_every_row_of_the_customer_and_leaves_everybody_elses_as_they_were(desk):
    endpoint = endpoint_for(desk)
    first, second = closed("a"), closed("b")
    other = closed("other", customer_ref="bob")
    carry(endpoint)
    search.refresh()
    before, subject = kept(other), subject_of(first, second)
    counted = PART.count(subject)
    found = erase(subject)
    assert found.rows == counted
    assert set(PART.count(subject).values()) == {0}
    assert kept(first) == kept(second) == []
    assert kept(other) == before
    assert len(before) > 5


def test_a_case_that_points_to_an_erased_one_points_to_nothing_afterwards():
    mine, others = ask(session_id="a"), ask(session_id="b")
    merge(others.case_id, into=mine.case_id, actor=ANNA)
    actions.close(mine.case_id, actor=ANNA)
    kept_case = case_of(others)
    assert kept_case.merged_into_id is not None
    erase(subject_of(case_of(mine)))
    assert case_of(others).merged_into_id is None
    assert CaseEvent.objects.filter(case=kept_case, kind="merged").exists()


def test_a_follow_up_and_the_case_before_it_go_together():
    first = closed()
    Conversation.objects.update(control="bot")
    SupportCase.objects.update(closed_at="2020-01-01T00:00:00Z")
    second = closed()
    assert second.follow_up_of_id == first.pk
    assert erase(subject_of(first)).rows["cases"] == 2


def test_the_outbox_keys_of_the_cases_are_those_of_their_lanes(desk):
    endpoint = endpoint_for(desk)
    first, second = closed("a"), closed("b")
    lanes = Lane.objects.filter(destination=endpoint.destination)
    assert sorted(PART.ordering_keys(subject_of(first, second))) == sorted(
        lanes.values_list("ordering_key", flat=True)
    )
    assert Delivery.objects.filter(lane__in=lanes).exists()


def test_whoever_acts_on_a_case_that_is_being_erased_is_told_that_it_is_not_there():
    """On two real connections: the action waits for the conversation, and finds it gone."""
    case = closed()
    subject = subject_of(case)
    met: list[type[Exception]] = []

    def act() -> None:
        try:
            actions.note(case.case_id, actor=ANNA, text="too late")
        except Exception as error:
            met.append(type(error))
        finally:
            connection.close()

    thread = threading.Thread(target=act)
    with transaction.atomic(durable=True):
        for pk in subject.pks:
            lock_conversation(pk)
        thread.start()
        wait_until_somebody_waits()
        PART.erase(subject)
        with connection.cursor() as cursor:
            for table in ("persistence_transcript_reading", "persistence_turn"):
                cursor.execute(f"DELETE FROM {table} WHERE conversation_id = ANY (%s)", [subject.pks])
            cursor.execute("DELETE FROM persistence_conversation WHERE id = ANY (%s)", [subject.pks])
    thread.join()
    assert met == [CaseNotFound]
