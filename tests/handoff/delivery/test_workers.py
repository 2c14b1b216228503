"""Several workers carry for one endpoint at once, and one of them is slow."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from handoff.models import Endpoint, ExternalLink
from outbox.models import DeliveryAttempt
from tests.fakes.desk.base import FakeDesk
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.fakes.desk.zammad import FakeZammad
from tests.handoff.delivery.support import another_worker, carry, endpoint_for, states
from tests.handoff.support import ask

pytestmark = pytest.mark.django_db(transaction=True)

CASES = 24


class Worker(threading.Thread):
    """A relay in a thread with a database connection of its own; ``join`` raises what went wrong in it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self.work, self.error = work, None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.work()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def join(self, timeout: float | None = 60) -> None:
        super().join(timeout)
        assert not self.is_alive()
        if self.error:
            raise self.error


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_four_workers_open_one_ticket_for_each_case(desk):
    endpoint = endpoint_for(desk)
    cases = {str(ask(session_id=f"s{number}").case_id) for number in range(CASES)}
    for worker in [Worker(lambda: carry(endpoint)) for _ in range(4)]:
        worker.join()
    carry(endpoint)  # what a worker passed over while the others had it
    assert sorted(ticket.case_id for ticket in desk.tickets) == sorted(cases)
    assert len(desk.requests) == DeliveryAttempt.objects.count() == CASES


@pytest.mark.parametrize("kind", [FakeWebhookDesk, FakeZammad])
def test_a_worker_that_is_overtaken_while_the_desk_answers_opens_no_second_ticket(kind: type[FakeDesk]):
    """The desk has stored the ticket and takes its time; the lease runs out, another worker comes, both end."""
    with kind() as desk:
        endpoint = endpoint_for(desk, connector="webhook" if kind is FakeWebhookDesk else "zammad")
        ask()
        desk.fail("slow", seconds=2)
        slow = Worker(lambda: carry(endpoint))
        until(lambda: len(desk.requests) == 1)
        another_worker(endpoint)
        assert slow.is_alive(), "the slow one still waits for its answer"
        slow.join()
        assert len(desk.tickets) == 1
        assert ExternalLink.objects.get().external_id == desk.tickets[0].id
        assert states(endpoint) == [("handoff.requested", "delivered", "")]


def test_a_slow_endpoint_is_given_no_more_workers_than_it_may_have(desk):
    endpoint = endpoint_for(desk, max_in_flight=2)
    for number in range(4):
        ask(session_id=f"s{number}")
    desk.fail("slow", seconds=2, times=2)
    busy = []
    for number in (1, 2):
        busy.append(Worker(lambda: carry(endpoint)))
        until(lambda number=number: len(desk.requests) == number)
    assert carry(endpoint).lanes == 0, "there is work, and no room for a third"
    for worker in busy:
        worker.join()
    carry(endpoint)
    assert len(desk.tickets) == 4


def test_a_switched_off_desk_holds_up_no_other(desk):
    with FakeWebhookDesk() as other:
        off = endpoint_for(other, slug="off", active=False)
        on = endpoint_for(desk, slug="on")
        ask()
        carry(off)
        carry(on)
        assert (len(desk.tickets), len(other.requests)) == (1, 0)
        Endpoint.objects.filter(pk=off.pk).update(active=True)
        another_worker(off)
        assert len(other.tickets) == 1
