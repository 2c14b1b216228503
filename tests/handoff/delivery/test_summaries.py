"""A summary webhook hears of a conversation's summaries, in order, and of nothing else."""

import pytest
from django.db import transaction

from handoff.models import ExternalLink
from handoff.summaries import Desk
from outbox.destinations import destination
from outbox.enqueue import enqueue
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.handoff.delivery.support import another_worker, carry, endpoint_for, states
from tests.handoff.support import ask, turn

pytestmark = pytest.mark.django_db(transaction=True)
EVENT = "conversation.summarized"


def tell(conversation_id: str, number: int) -> None:
    with transaction.atomic():
        enqueue(
            EVENT,
            {"conversation_id": conversation_id, "number": number},
            ordering_key=conversation_id,
            ordering_seq=number,
            destinations=Desk().listeners("demo"),
        )


def takes_anything(desk: FakeWebhookDesk) -> None:
    """Let the scripted desk answer like a receiver that knows no tickets: any 2xx will do."""
    desk.fail("lie", times=None, body=b"")


def test_a_summary_webhook_hears_of_summaries_in_order_signed_and_without_a_ticket(desk):
    endpoint = endpoint_for(desk, slug="crm", purpose="summaries")
    asked = str(ask().turn.conversation_id)
    takes_anything(desk)
    for number in (1, 2):
        tell(asked, number)
    carry(endpoint)
    told = [request.json() for request in desk.requests]
    assert [(one["type"], one["data"]["number"]) for one in told] == [(EVENT, 1), (EVENT, 2)]
    assert states(endpoint) == [(EVENT, "delivered", "")] * 2
    assert ExternalLink.objects.count() == 0


def test_what_a_webhook_does_not_take_waits_for_it(desk):
    endpoint = endpoint_for(desk, slug="crm", purpose="summaries")
    tell(str(turn().turn.conversation_id), 1)
    desk.fail("status", status=503, times=None)
    carry(endpoint)
    assert [status for _, status, _ in states(endpoint)] == ["pending"]
    desk.heal()
    takes_anything(desk)
    another_worker(endpoint)
    assert [status for _, status, _ in states(endpoint)] == ["delivered"]
    assert len({request.headers["webhook-id"] for request in desk.requests}) == 1


def test_one_that_is_switched_off_gets_it_when_it_is_on_again(desk):
    endpoint = endpoint_for(desk, slug="crm", purpose="summaries", active=False)
    tell(str(turn().turn.conversation_id), 1)
    carry(endpoint)
    assert (len(desk.requests), [status for _, status, _ in states(endpoint)]) == (0, ["pending"])
    takes_anything(desk)
    endpoint.active = True
    endpoint.save()
    another_worker(endpoint)
    assert [status for _, status, _ in states(endpoint)] == ["delivered"]


def test_summaries_are_not_replaced_by_a_claim_check(desk):
    assert destination(endpoint_for(desk, slug="crm", purpose="summaries").destination).layers == ()
