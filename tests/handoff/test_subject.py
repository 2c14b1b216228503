"""A customer's cases: what is counted, exported and erased of them, and what the desks hear of it."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection, transaction

from handoff import search
from handoff import subject as module
from handoff.cases import actions
from handoff.cases.merge import merge
from handoff.delivery.erased import TEXT
from handoff.errors import CaseNotFound
from handoff.models import CaseEvent, CaseText, Endpoint, ExternalLink, Handoff, InboundReceipt, SupportCase
from handoff.subject import CasesOfSubject
from outbox.claim import claim
from outbox.destinations import destination, load_handler
from outbox.models import Delivery, DeliveryAttempt, Lane, OutboxEvent
from persistence.control import lock_conversation
from persistence.models import Conversation
from persistence.subject.port import Elsewhere, Erased, Subject
from tests.fakes.desk.chatwoot import FakeChatwoot
from tests.fakes.desk.smtp import FakeMailbox
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.fakes.desk.zammad import FakeZammad
from tests.fakes.desk.zendesk import FakeZendesk
from tests.handoff.delivery.support import another_worker, carry, endpoint_for, outcomes, states
from tests.handoff.inbound.support import post
from tests.handoff.support import ANNA, ask, case_of, turn

pytestmark = pytest.mark.django_db(transaction=True)

PART = CasesOfSubject()
DESKS: dict[str, type[AbstractContextManager[Any]]] = {
    "webhook": FakeWebhookDesk,
    "zendesk": FakeZendesk,
    "zammad": FakeZammad,
    "chatwoot": FakeChatwoot,
    "email": FakeMailbox,
}


@pytest.fixture(autouse=True)
def _loopback_may_be_dialled(settings: Any) -> Iterator[None]:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    load_handler.cache_clear()
    yield
    load_handler.cache_clear()


@pytest.fixture
def desk() -> Iterator[FakeWebhookDesk]:
    with FakeWebhookDesk() as started:
        yield started


def closed(
    session_id: str = "s", *, customer_ref: str = "ann", note: str = "she called before"
) -> SupportCase:
    """Open a case, speak in it, and close it."""
    turn("my card was swallowed", session_id=session_id, customer_ref=customer_ref)
    found = ask("a person, please", session_id=session_id, reason="the card is gone")
    actions.claim(found.case_id, actor=ANNA)
    actions.note(found.case_id, actor=ANNA, text=note)
    actions.reply(found.case_id, actor=ANNA, text="Hello, this is Anna.")
    actions.close(found.case_id, actor=ANNA)
    return case_of(found)


def subject_of(*cases: SupportCase, customer_ref: str | None = "ann") -> Subject:
    """Return whom the conversations of these cases belong to."""
    conversations = sorted({(case.conversation.pk, case.conversation.public_id) for case in cases})
    return Subject("demo", customer_ref, tuple(conversations))


def erase(subject: Subject) -> Erased:
    """Erase as ``persistence.subject`` does: under the conversations' locks."""
    with transaction.atomic(durable=True):
        for pk in subject.pks:
            lock_conversation(pk)
        return PART.erase(subject)


def files(subject: Subject) -> dict[str, list[dict[str, Any]]]:
    return {name: list(rows) for name, rows in PART.files(subject)}


def kept(case: SupportCase) -> list[Any]:
    """Return every row of a case, as it is stored."""
    rows: list[Any] = list(SupportCase.objects.filter(pk=case.pk).values())
    for model in (CaseEvent, Handoff, ExternalLink, CaseText):
        rows += model.objects.filter(case=case).order_by("pk").values()
    return rows


def test_what_there_is_is_counted_by_kind_and_only_the_customers(desk):
    endpoint = endpoint_for(desk)
    first, second = closed("a"), closed("b")
    closed("other", customer_ref="bob")
    carry(endpoint)
    search.refresh()
    events = CaseEvent.objects.filter(case__in=[first, second]).count()
    assert PART.count(subject_of(first, second)) == {
        "cases": 2,
        "case events": events,
        "handoffs": 2,
        "tickets": 2,
        "search entries": 2,
    }
    assert events > 8
    assert set(PART.count(Subject("demo", "nobody", ())).values()) == {0}


def test_an_export_tells_cases_histories_handoffs_and_tickets_and_nothing_of_others(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    closed("other", customer_ref="bob", note="about Bob")
    carry(endpoint)
    found = files(subject_of(case))
    assert list(found) == ["cases.jsonl", "case_events.jsonl", "handoffs.jsonl", "tickets.jsonl"]
    (told,) = found["cases.jsonl"]
    assert (told["case_id"], told["customer_ref"], told["reason"]) == (
        str(case.case_id),
        "ann",
        "the card is gone",
    )
    assert told["context"]["summary"]["problem"] == "my card was swallowed"
    events = found["case_events.jsonl"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {"she called before", "Hello, this is Anna."} <= {event["text"] for event in events}
    assert [attempt["state"] for attempt in found["handoffs.jsonl"]] == ["resolved"]
    link = ExternalLink.objects.get(case=case)
    assert [(row["desk"], row["ticket"], row["url"]) for row in found["tickets.jsonl"]] == [
        ("helpdesk:hook", link.external_id, link.external_url)
    ]
    assert "Bob" not in str(found)
    assert "bob" not in str(found)


def test_a_long_history_is_exported_page_by_page_without_a_gap(monkeypatch):
    cases = [closed(f"s{number}") for number in range(3)]
    subject = subject_of(*cases)
    whole = files(subject)
    monkeypatch.setattr(module, "EVENTS_AT_ONCE", 2)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    assert files(subject) == whole
    assert len(whole["case_events.jsonl"]) == CaseEvent.objects.count()


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


@pytest.mark.parametrize("connector", DESKS)
def test_a_desk_of_any_kind_is_asked_to_delete_its_ticket_once_and_hears_nothing_else(connector):
    with DESKS[connector]() as fake:
        endpoint = endpoint_for(fake, connector=connector)
        case = closed()
        carry(endpoint)
        (ticket,) = fake.tickets
        link = ExternalLink.objects.get()
        comments = len(ticket.comments)
        found = erase(subject_of(case))
        assert found.elsewhere == [
            Elsewhere(endpoint.destination, link.external_id, link.external_url, asked=True)
        ]
        carry(endpoint)
        assert {status for _, status, _ in states(endpoint)} == {"delivered"}
        (asked,) = ticket.comments[comments:]
        assert TEXT in asked.text
        assert not asked.public
        another_worker(endpoint)
        assert len(ticket.comments) == comments + 1
        assert len(fake.tickets) == 1


def test_the_notice_says_which_ticket_and_nothing_about_the_customer(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    carry(endpoint)
    erase(subject_of(case))
    carry(endpoint)
    body = desk.requests[-1].json()
    assert body["type"] == "case.note"
    created_at = body["data"].pop("created_at")
    assert created_at[:2] == "20"
    assert body["data"] == {
        "case_id": str(case.case_id),
        "conversation_id": str(case.conversation.public_id),
        "domain": "demo",
        "channel": "web",
        "seq": case.event_seq + 1,
        "author": "Holdfast",
        "text": TEXT,
        "external_id": "T-1",
        "erased": True,
    }


def test_what_a_desk_answers_to_the_notice_is_not_kept_since_it_shows_the_ticket():
    with FakeZendesk() as fake:
        endpoint = endpoint_for(fake, connector="zendesk")
        case = closed()
        carry(endpoint)
        assert "swallowed" in "".join(DeliveryAttempt.objects.values_list("excerpt", flat=True))
        DeliveryAttempt.objects.all().delete()
        erase(subject_of(case))
        fake.fail("status", status=500, body=b"the card was swallowed", times=2)
        carry(endpoint)
        another_worker(endpoint)
        assert set(outcomes(endpoint)) == {("failed", "http_500"), ("delivered", "")}
        assert set(DeliveryAttempt.objects.values_list("excerpt", flat=True)) == {""}


def test_a_notice_whose_answer_was_lost_is_sent_again_under_the_same_id(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    carry(endpoint)
    erase(subject_of(case))
    desk.fail("lose_answer")
    carry(endpoint)
    another_worker(endpoint)
    first, second = desk.requests[-2:]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [comment.text for comment in desk.tickets[0].comments].count(TEXT) == 1


def test_a_desk_that_is_switched_off_is_asked_when_it_is_back(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    carry(endpoint)
    Endpoint.objects.update(active=False)
    assert [copy.asked for copy in erase(subject_of(case)).elsewhere] == [True]
    carry(endpoint)
    assert TEXT not in str(desk.tickets)
    Endpoint.objects.update(active=True)
    another_worker(endpoint)
    assert TEXT in str(desk.tickets)


def test_each_desk_is_asked_for_its_own_ticket(desk):
    with FakeWebhookDesk() as second_desk:
        one, two = endpoint_for(desk), endpoint_for(second_desk, slug="second")
        case = closed()
        for endpoint in (one, two):
            carry(endpoint)
        ExternalLink.objects.filter(endpoint=two).update(external_id="OTHER-7")
        assert len(erase(subject_of(case)).elsewhere) == 2
        for endpoint, asked in ((one, desk), (two, second_desk)):
            carry(endpoint)
            assert str(asked.requests[-1].body).count("erased") == 2, "once in the text, once as a mark"
        assert b"OTHER-7" in second_desk.requests[-1].body
        assert b"OTHER-7" not in desk.requests[-1].body


def test_a_desk_that_has_no_ticket_is_not_told_that_there_was_a_customer(desk):
    endpoint_for(desk)
    case = closed()  # nothing was carried: the outbox forgets what waits, and nobody else has heard of it
    subject = subject_of(case)
    assert PART.elsewhere(subject) == erase(subject).elsewhere == []
    assert not OutboxEvent.objects.filter(payload__erased=True).exists()


def test_a_ticket_that_may_be_there_though_no_desk_has_said_so_is_named(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    desk.fail("lose_answer", times=None)
    carry(endpoint)
    assert len(desk.tickets) == 1
    (perhaps,) = PART.elsewhere(subject_of(case))
    assert (perhaps.where, perhaps.asked) == (endpoint.destination, False)
    assert perhaps.what == f"perhaps a ticket of case {case.case_id}: it was ordered, and no answer came"
    desk.heal()
    another_worker(endpoint)
    assert [copy.what for copy in PART.elsewhere(subject_of(case))] == ["T-1"]


def test_a_ticket_that_a_desk_refused_to_open_is_nowhere(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    desk.fail("status", status=422)
    carry(endpoint)
    assert PART.elsewhere(subject_of(case)) == []


def test_the_outbox_keys_of_the_cases_are_those_of_their_lanes(desk):
    endpoint = endpoint_for(desk)
    first, second = closed("a"), closed("b")
    lanes = Lane.objects.filter(destination=endpoint.destination)
    assert sorted(PART.ordering_keys(subject_of(first, second))) == sorted(
        lanes.values_list("ordering_key", flat=True)
    )
    assert Delivery.objects.filter(lane__in=lanes).exists()


def test_what_a_desk_still_says_of_an_erased_case_changes_nothing_and_it_is_told_that_there_is_none(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    carry(endpoint)
    erase(subject_of(case))
    answer = post("hook", {"case_id": str(case.case_id), "text": "she wrote again", "author": "Ana"})
    assert answer.status_code == 404
    assert not SupportCase.objects.exists()
    assert not InboundReceipt.objects.exists()


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


def wait_until_somebody_waits() -> None:
    """Return when another connection waits for a lock of this one."""
    with connection.cursor() as cursor:
        waiting = 0
        while not waiting:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            (waiting,) = cursor.fetchone()
            cursor.execute("SELECT pg_sleep(0.01)")
