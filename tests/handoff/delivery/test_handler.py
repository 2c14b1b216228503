"""Events of a case on their way to its ticket."""

import pytest

from handoff.cases import actions
from handoff.models import Endpoint, ExternalLink
from outbox import operate
from outbox.models import DeliveryAttempt, DestinationState, OutboxEvent
from tests.fakes.desk.smtp import FakeMailbox
from tests.handoff.delivery.support import (
    another_worker,
    carry,
    endpoint_for,
    links,
    outcomes,
    pass_time,
    states,
)
from tests.handoff.support import ANNA, ask, case_of, turn

pytestmark = pytest.mark.django_db(transaction=True)

REQUESTED, STATUS, MESSAGE, NOTE = "handoff.requested", "case.status", "case.message", "case.note"


def test_a_handoff_opens_a_ticket_and_the_desks_id_of_it_is_kept(desk):
    endpoint = endpoint_for(desk)
    case = case_of(ask("my card was swallowed"))
    carry(endpoint)
    (ticket,) = desk.tickets
    assert ticket.case_id == str(case.case_id)
    link = ExternalLink.objects.get()
    assert (link.case_id, link.external_id, link.external_url) == (case.pk, "T-1", f"{desk.url}/tickets/T-1")
    assert states(endpoint) == [(REQUESTED, "delivered", "")]
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.outcome, attempt.status_code, attempt.number) == ("delivered", 201, 1)
    assert "T-1" in attempt.excerpt


def test_what_happens_afterwards_reaches_the_ticket_in_order(desk):
    endpoint = endpoint_for(desk)
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    actions.note(found.case_id, actor=ANNA, text="she called before")
    actions.reply(found.case_id, actor=ANNA, text="Hello, this is Anna.")
    turn("thank you", reply=None)
    actions.close(found.case_id, actor=ANNA)
    carry(endpoint)
    (ticket,) = desk.tickets
    assert [(comment.text, comment.public) for comment in ticket.comments] == [
        ("she called before", False),
        ("Hello, this is Anna.", True),
        ("thank you", True),
    ]
    assert ticket.status == "closed"
    assert {status for _, status, _ in states(endpoint)} == {"delivered"}


def test_a_create_whose_answer_was_lost_is_sent_again_under_the_same_id_and_body(desk):
    endpoint = endpoint_for(desk)
    ask()
    desk.fail("lose_answer")
    carry(endpoint)
    assert states(endpoint) == [(REQUESTED, "pending", "connection_lost")]
    another_worker(endpoint)
    assert len(desk.tickets) == 1
    first, second = desk.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert links(endpoint) == ["T-1"]
    assert outcomes(endpoint) == [("failed", "connection_lost"), ("delivered", "")]


def test_later_events_wait_for_the_ticket(desk):
    endpoint = endpoint_for(desk)
    found = ask()
    actions.note(found.case_id, actor=ANNA, text="later")
    desk.fail("status", status=500, times=2)  # the first retry comes at once
    carry(endpoint)
    assert states(endpoint) == [(REQUESTED, "pending", "http_500"), (NOTE, "pending", "")]
    another_worker(endpoint)
    assert [comment.text for comment in desk.tickets[0].comments] == ["later"]


def test_a_ticket_that_is_linked_is_not_ordered_again(desk):
    """The worker died between the link and the settle; or an operator replays what arrived long ago."""
    endpoint = endpoint_for(desk)
    case = case_of(ask())
    ExternalLink.objects.create(endpoint=endpoint, case=case, external_id="T-9")
    carry(endpoint)
    assert desk.requests == []
    assert states(endpoint) == [(REQUESTED, "delivered", "")]


def test_a_desk_that_gives_one_id_to_two_cases_is_an_alarm(desk):
    endpoint = endpoint_for(desk)
    first = case_of(ask(session_id="first"))
    ExternalLink.objects.create(endpoint=endpoint, case=first, external_id="T-1")
    other = ask(session_id="other")
    carry(endpoint)
    assert (REQUESTED, "parked", "link_conflict") in states(endpoint)
    assert ("parked", "link_conflict") in outcomes(endpoint)
    assert not ExternalLink.objects.filter(case__case_id=other.case_id).exists()


def test_a_desk_that_never_ordered_a_ticket_is_told_nothing_of_the_case(desk):
    """It was configured when the case was open already: no lane of its is blocked, and nothing fails."""
    found = ask()
    endpoint = endpoint_for(desk)
    actions.note(found.case_id, actor=ANNA, text="an old case")
    carry(endpoint)
    assert desk.requests == []
    assert states(endpoint) == [(NOTE, "delivered", "")]
    assert "nothing was sent" in DeliveryAttempt.objects.get().excerpt


def test_an_endpoint_that_is_switched_off_keeps_everything_and_spends_no_attempt(desk):
    endpoint = endpoint_for(desk, active=False)
    ask()
    carry(endpoint)
    assert desk.requests == []
    assert states(endpoint) == [(REQUESTED, "pending", "endpoint_off")]
    assert DeliveryAttempt.objects.count() == 0
    Endpoint.objects.update(active=True)
    another_worker(endpoint)
    assert len(desk.tickets) == 1


def test_secrets_that_cannot_be_read_keep_everything_until_they_can(desk, settings):
    endpoint = endpoint_for(desk)
    ask()
    key = settings.SECRET_KEY
    settings.SECRET_KEY = "exchanged" * 8
    carry(endpoint)
    assert states(endpoint) == [(REQUESTED, "pending", "secrets_unreadable")]
    settings.SECRET_KEY_FALLBACKS = [key]
    another_worker(endpoint)
    assert len(desk.tickets) == 1


def test_a_desk_that_is_gone_parks_the_endpoint_and_a_release_brings_everything(desk):
    endpoint = endpoint_for(desk)
    ask()
    desk.fail("status", status=410)
    carry(endpoint)
    assert DestinationState.objects.get(destination=endpoint.destination).parked_reason == "gone: gone"
    another_worker(endpoint)
    assert len(desk.requests) == 1, "a parked endpoint is not called"
    operate.release_destination(endpoint.destination)
    another_worker(endpoint)
    assert len(desk.tickets) == 1


def test_a_rate_limit_rests_the_whole_endpoint_for_as_long_as_it_asks(desk):
    endpoint = endpoint_for(desk)
    ask(session_id="one")
    ask(session_id="two")
    desk.fail("status", status=429, headers={"Retry-After": "120"})
    carry(endpoint)
    assert len(desk.requests) == 1, "the other case is not sent into the limit"
    state = DestinationState.objects.get(destination=endpoint.destination)
    assert (state.open_until - state.changed_at).total_seconds() > 100
    carry(endpoint)
    assert len(desk.requests) == 1
    another_worker(endpoint)
    assert len(desk.tickets) == 2


def test_an_event_that_the_desk_refuses_holds_up_its_own_case_only(desk):
    endpoint = endpoint_for(desk)
    ask(session_id="refused")
    desk.fail("status", status=422)
    carry(endpoint)
    ask(session_id="fine")
    carry(endpoint)
    assert sorted(states(endpoint)) == [(REQUESTED, "dead", "http_422"), (REQUESTED, "delivered", "")]
    assert operate.redrive(endpoint.destination) == 1
    another_worker(endpoint)
    assert len(desk.tickets) == 2
    first, *_, last = desk.requests
    assert first.headers["webhook-id"] == last.headers["webhook-id"], "a redriven event keeps its id"


def test_an_outage_of_an_hour_loses_nothing_and_keeps_the_order(desk):
    endpoint = endpoint_for(desk)
    found = ask()
    fault = desk.fail("refuse", times=None)
    for number in range(6):
        actions.note(found.case_id, actor=ANNA, text=f"note {number}")
        carry(endpoint)
        pass_time()
    assert fault.hits > 3
    desk.heal()
    another_worker(endpoint)
    (ticket,) = desk.tickets
    assert [comment.text for comment in ticket.comments] == [f"note {number}" for number in range(6)]


def test_events_that_arrive_twice_are_the_same_event_twice(desk):
    endpoint = endpoint_for(desk)
    found = ask()
    actions.note(found.case_id, actor=ANNA, text="once")
    desk.fail("twice", times=None)
    carry(endpoint)
    (ticket,) = desk.tickets
    assert [comment.text for comment in ticket.comments] == ["once"]


def test_a_case_that_is_gone_waits_for_a_person(desk):
    endpoint = endpoint_for(desk)
    ask()
    OutboxEvent.objects.update(ordering_key="00000000-0000-0000-0000-000000000000")
    carry(endpoint)
    assert states(endpoint) == [(REQUESTED, "parked", "case_missing")]
    assert desk.requests == []


def test_an_adapter_that_breaks_fails_its_attempt_and_leaves_none_without_an_end(desk, monkeypatch):
    endpoint = endpoint_for(desk)
    ask()

    def breaks(*_: object) -> None:
        raise KeyError("of the adapter")

    with monkeypatch.context() as patched:
        patched.setattr("handoff.connectors.webhook.Webhook.create", breaks)
        carry(endpoint)
    assert states(endpoint) == [(REQUESTED, "pending", "handler_error:KeyError")]
    assert set(outcomes(endpoint)) == {("failed", "handler_error:KeyError")}
    another_worker(endpoint)
    assert len(desk.tickets) == 1


def test_the_app_hears_of_replies_and_of_control_in_the_order_of_the_conversation(desk):
    endpoint = endpoint_for(desk, slug="app", purpose="replies")
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    actions.reply(found.case_id, actor=ANNA, text="Hello, this is Anna.")
    actions.close(found.case_id, actor=ANNA)
    desk.fail("lie", times=None, body=b"")  # any 2xx will do: there is no ticket
    carry(endpoint)
    told = [(request.json()["type"], request.json()["data"]) for request in desk.requests]
    assert [(kind, data.get("text") or data.get("control")) for kind, data in told] == [
        ("control.changed", "queued"),
        ("control.changed", "human"),
        ("reply.created", "Hello, this is Anna."),
        ("control.changed", "bot"),
    ]
    assert ExternalLink.objects.count() == 0
    assert {status for _, status, _ in states(endpoint)} == {"delivered"}


def test_the_secret_appears_in_no_record(desk):
    endpoint = endpoint_for(desk)
    ask()
    secret = desk.secrets["signing"][0]
    desk.fail("status", status=400, body=f"you sent {secret}".encode())
    carry(endpoint)
    attempt = DeliveryAttempt.objects.get()
    assert "you sent" in attempt.excerpt
    assert secret.removeprefix("whsec_") not in f"{attempt.excerpt} {attempt.error_code} {states(endpoint)}"


@pytest.mark.parametrize("character", ["x", "語", "🂡"])
def test_the_longest_note_reaches_the_ticket_as_text_whatever_it_is_made_of(desk, character):
    """Only a transcript goes by claim check: an agent at the desk reads notes and messages in the ticket."""
    endpoint = endpoint_for(desk)
    found = ask()
    actions.note(found.case_id, actor=ANNA, text=character * 16_000)
    carry(endpoint)
    assert [comment.text for comment in desk.tickets[0].comments] == [character * 16_000]


def test_by_mail_a_case_is_one_thread():
    with FakeMailbox() as mailbox:
        endpoint = endpoint_for(mailbox, connector="email")
        found = ask()
        actions.note(found.case_id, actor=ANNA, text="she called before")
        carry(endpoint)
        first, second = mailbox.mails
        assert second["In-Reply-To"] == first["Message-ID"]
        assert len(mailbox.tickets) == len(links(endpoint)) == 1
