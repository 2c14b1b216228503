"""What help desks hear when a customer is erased, and what they still say."""

import pytest

from handoff.delivery.erased import TEXT
from handoff.models import Endpoint, ExternalLink, InboundReceipt, SupportCase
from outbox.models import DeliveryAttempt, OutboxEvent
from persistence.subject.port import Elsewhere
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.fakes.desk.zendesk import FakeZendesk
from tests.handoff.delivery.support import another_worker, carry, endpoint_for, outcomes, states
from tests.handoff.inbound.support import post
from tests.handoff.subject.kit import DESKS, PART, closed, erase, subject_of

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_what_a_desk_still_says_of_an_erased_case_changes_nothing_and_it_is_told_that_there_is_none(desk):
    endpoint = endpoint_for(desk)
    case = closed()
    carry(endpoint)
    erase(subject_of(case))
    answer = post("hook", {"case_id": str(case.case_id), "text": "she wrote again", "author": "Ana"})
    assert answer.status_code == 404
    assert not SupportCase.objects.exists()
    assert not InboundReceipt.objects.exists()
