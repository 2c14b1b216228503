"""The worker dies at each step of a delivery: the next one finds one ticket, or opens it, and never a second.

A death is an exception that nothing on the way catches, so that nothing after it happens in that worker: no link, no
end of the attempt, no settle. ``tests/faults/test_handoff.py`` kills real processes.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from handoff.cases import actions
from handoff.models import Endpoint, ExternalLink
from outbox.models import DeliveryAttempt
from tests.fakes.desk.base import FakeDesk
from tests.fakes.desk.chatwoot import FakeChatwoot
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.fakes.desk.zammad import FakeZammad
from tests.fakes.desk.zendesk import FakeZendesk
from tests.handoff.delivery.support import another_worker, carry, endpoint_for, pass_time, states
from tests.handoff.support import ANNA, ask, case_of

pytestmark = pytest.mark.django_db(transaction=True)

DESKS: dict[str, type[FakeDesk]] = {
    "webhook": FakeWebhookDesk,
    "zendesk": FakeZendesk,
    "zammad": FakeZammad,
    "chatwoot": FakeChatwoot,
}
# Every way out to the network, by the name under which it is called.
REQUEST = ("handoff.connectors.judge.request", "handoff.connectors.zendesk.request")
KEEP_LINK = ("handoff.delivery.handler.keep_link",)


class Death(BaseException):
    """The process is no more."""


@dataclass(frozen=True)
class Step:
    """Where a worker dies: at the ``nth`` call of a function, before it is done or after."""

    functions: tuple[str, ...]
    done: bool
    nth: int = 1


STEPS = {
    "before the attempt is written": Step(("outbox.attempts.begin",), done=False),
    "after the attempt, before the send": Step(("outbox.attempts.begin",), done=True),
    "after the desk took the first request, before its answer": Step(REQUEST, done=True),
    "after the first answer": Step(REQUEST, done=False, nth=2),
    "after the desk took the second request": Step(REQUEST, done=True, nth=2),
    "after the desk took the third request": Step(REQUEST, done=True, nth=3),
    "after the answer, before the link": Step(KEEP_LINK, done=False),
    "after the link": Step(KEEP_LINK, done=True),
    "before the attempt's end": Step(("outbox.attempts.finish",), done=False),
    "after the attempt's end, before the settle": Step(("outbox.relay.settle",), done=False),
    "after the settle": Step(("outbox.relay.settle",), done=True),
}


@pytest.fixture(params=DESKS)
def configured(request: pytest.FixtureRequest) -> Iterator[tuple[FakeDesk, Endpoint]]:
    """Desks with a key of their own against duplicates, and desks that have to be asked first."""
    with DESKS[request.param]() as fake:
        yield fake, endpoint_for(fake, connector=request.param)


def dies(endpoint: Endpoint, step: Step, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run a worker that dies when it comes to that step; False where it never came there."""
    calls = 0

    def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls != step.nth:
                return real(*arguments, **named)
            if step.done:
                real(*arguments, **named)
            raise Death

        return call

    with monkeypatch.context() as patched:
        for path in step.functions:
            module, _, name = path.rpartition(".")
            patched.setattr(path, deadly(getattr(importlib.import_module(module), name)))
        try:
            carry(endpoint)
        except Death:
            return True
    return False


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("step", STEPS)
def test_a_case_has_one_ticket_though_workers_died_opening_it(configured, step, times, monkeypatch):
    desk, endpoint = configured
    case = case_of(ask())
    died = [dies(endpoint, STEPS[step], monkeypatch) for _ in range(times) if not pass_time()]
    assert died[0] or STEPS[step].nth > 1, "the step is part of every delivery"
    another_worker(endpoint)
    assert [ticket.case_id for ticket in desk.tickets] == [str(case.case_id)]
    assert ExternalLink.objects.get().external_id == desk.tickets[0].id
    assert states(endpoint) == [("handoff.requested", "delivered", "")]


@pytest.mark.parametrize("step", [name for name in STEPS if STEPS[name].functions != KEEP_LINK])
def test_a_note_is_there_once_though_the_worker_died_with_it(configured, step, monkeypatch):
    desk, endpoint = configured
    found = ask()
    carry(endpoint)
    actions.note(found.case_id, actor=ANNA, text="she called before")
    dies(endpoint, STEPS[step], monkeypatch)
    another_worker(endpoint)
    (ticket,) = desk.tickets
    assert sum("she called before" in comment.text for comment in ticket.comments) == 1
    assert {status for _, status, _ in states(endpoint)} == {"delivered"}


def test_an_attempt_whose_worker_died_has_no_end_and_is_seen(desk, monkeypatch):
    endpoint = endpoint_for(desk)
    ask()
    assert dies(endpoint, Step(REQUEST, done=True), monkeypatch)
    another_worker(endpoint)
    ends = list(DeliveryAttempt.objects.order_by("number").values_list("number", "outcome"))
    assert ends == [(1, ""), (2, "delivered")]


def test_a_desk_that_can_be_asked_is_asked_only_when_an_earlier_try_may_have_reached_it():
    with FakeZammad() as desk:
        endpoint = endpoint_for(desk, connector="zammad")
        ask(session_id="one")
        carry(endpoint)
        assert "GET" not in [request.method for request in desk.requests]
        desk.fail("lose_answer")
        ask(session_id="two")
        carry(endpoint)
        another_worker(endpoint)
        assert "GET" in [request.method for request in desk.requests]
        assert len(desk.tickets) == 2
