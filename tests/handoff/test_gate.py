"""The gate: turn, case, attempt, event and outbox rows exist together or not at all."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from handoff.cases import actions
from handoff.errors import HandoffUnavailable
from handoff.gate import record_turn
from handoff.models import CaseEvent, Handoff, Queue, SupportCase
from outbox.models import OutboxEvent
from persistence.errors import InvalidTurn, RequestIdReused, StaleControl
from persistence.models import Conversation, Turn
from tests.handoff.support import ANNA, ask, case_of, control_of, kinds, told, turn

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_turn_without_a_wish_opens_no_case():
    found = turn()
    assert (found.handoff_status, found.case_id, found.turn.control) == ("handoff_not_required", None, "bot")
    assert not SupportCase.objects.exists()


def test_a_wish_opens_the_case_with_the_turn_and_control_waits_in_the_queue():
    found = ask(priority="high", queue="billing")
    case = case_of(found)
    assert found.handoff_status == "handoff_queued"
    assert (found.turn.control, found.turn.control_epoch) == control_of(found) == ("queued", 1)
    assert (case.status, case.priority, case.queue.name, case.opening_turn) == (
        "open",
        "high",
        "billing",
        found.turn.turn_id,
    )
    assert kinds(found) == ["opened", "queued"]
    assert Handoff.objects.get().state == "queued"
    (payload,) = told("handoff.requested")
    assert payload["case_id"] == str(case.case_id)
    assert payload["transcript"] == {"through_seq": 1, "count": 1}
    assert payload["trigger"] == {"seq": 1, "text": "I want a person"}


def test_the_customers_words_are_redacted_in_the_case_too():
    found = ask("my card is 4111 1111 1111 1111", reason="gave 4111 1111 1111 1111")
    everything = (
        str(list(CaseEvent.objects.values()))
        + str(SupportCase.objects.values())
        + str(told("handoff.requested"))
    )
    assert "4111" not in everything
    assert "[CARD]" in case_of(found).reason_text


def test_a_repeated_request_gives_the_same_case_and_tells_nobody_twice():
    first = ask(request_id="r")
    again = ask(request_id="r")
    assert again.turn.replayed
    assert (again.case_id, again.handoff_status) == (first.case_id, first.handoff_status)
    assert SupportCase.objects.count() == Handoff.objects.count() == len(told("handoff.requested")) == 1


def test_a_request_that_asked_for_nobody_cannot_be_repeated_as_one_that_does():
    turn(request_id="r", text="I want a person")
    with pytest.raises(RequestIdReused):
        ask(request_id="r")
    assert not SupportCase.objects.exists()


def test_a_second_wish_joins_the_live_case():
    first, second = ask(), ask("hurry up", reason_code="negative_sentiment")
    assert second.case_id == first.case_id
    assert case_of(first).reason_codes == ["user_request", "negative_sentiment"]
    assert Handoff.objects.count() == 1
    assert kinds(first) == ["opened", "queued", "customer_said", "assistant_said", "asked_again"]


@pytest.mark.parametrize("table", ["handoff_case", "handoff_case_event", "handoff_handoff", "outbox_event"])
def test_when_any_part_of_the_transaction_fails_nothing_exists_and_nobody_is_promised(table):
    with connection.cursor() as cursor:
        cursor.execute(f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'out of order' USING ERRCODE = '53100'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();
        """)
    try:
        with pytest.raises(HandoffUnavailable):
            ask(request_id="r")
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse();")
    assert not Turn.objects.exists()
    assert not Conversation.objects.exists()
    assert not SupportCase.objects.exists()
    assert not OutboxEvent.objects.exists()
    assert ask(request_id="r").handoff_status == "handoff_queued"


def test_a_summary_that_fails_does_not_sink_the_ticket(monkeypatch, caplog):
    def broken(conversation):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr("handoff.cases.opening.snapshot", broken)
    found = ask()
    assert found.handoff_status == "handoff_queued"
    assert case_of(found).context_snapshot["summary"] is None
    assert "no summary" in caplog.text


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"reason_code": "because"}, "handoff.reason_code"),
        ({"priority": "highest"}, "handoff.priority"),
        ({"queue": "two words"}, "handoff.queue"),
        ({"reason": "x" * 4001}, "handoff.reason"),
        ({"reason": "a\x00b"}, "handoff.reason"),
        ({"reason": "\ud800"}, "handoff.reason"),
        ({"customer": {"locale": "\x00"}}, "handoff.customer.locale"),
        ({"consent_required": "yes"}, "handoff.consent_required"),
        ({"colour": "red"}, "handoff.colour"),
    ],
)
def test_a_wish_that_cannot_be_kept_names_its_field_and_nothing_is_stored(wish, field):
    with pytest.raises(InvalidTurn) as refused:
        ask(**wish)
    assert field in [error.field for error in refused.value.errors]
    assert not Turn.objects.exists()


def test_without_consent_the_case_exists_and_nobody_is_told():
    found = ask(consent_required=True)
    assert found.handoff_status == "handoff_pending_consent"
    assert (case_of(found).status, found.turn.control) == ("pending_consent", "bot")
    assert case_of(found).attention_at is None
    assert not told("handoff.requested")


def test_out_of_hours_the_case_exists_the_assistant_stays_and_the_app_is_told():
    Queue.objects.create(domain="demo", name="closed", hours="2020 Jan 01 09:00-10:00")
    found = ask(queue="closed")
    assert found.handoff_status == "handoff_queued"
    assert control_of(found) == ("bot", 0)
    assert case_of(found).status == "open"
    assert Handoff.objects.get().outcome == "out_of_hours"
    assert told("control.changed")[0]["reason"] == "out_of_hours"


def test_the_assistant_may_go_on_while_the_customer_waits_in_the_queue():
    found = ask()
    more = turn("still there?", "A person will come.")
    assert (more.turn.control, more.case_id) == ("queued", found.case_id)
    assert kinds(found)[-2:] == ["customer_said", "assistant_said"]


def test_an_answer_begun_before_the_handoff_is_refused_after_it():
    turn()
    ask()
    with pytest.raises(StaleControl) as refused:
        turn(control_epoch=0)
    assert refused.value.current() == {"control": "queued", "control_epoch": 1}


def test_many_at_once_with_one_request_id_make_one_case():
    def one(number):
        try:
            return ask(request_id="same", session_id=f"s{number % 2}").case_id
        except RequestIdReused:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(one, range(24))) - {None}
    assert len(found) == 1
    assert SupportCase.objects.count() == 1


def test_the_gate_refuses_to_run_inside_another_transaction():
    with transaction.atomic(), pytest.raises(RuntimeError):
        ask()


def test_a_loop_is_damped_it_becomes_one_case_that_waits_until_somebody_comes():
    first = ask()
    for _ in range(3):
        actions.return_to_bot(first.case_id, actor=ANNA)
        assert ask().case_id == first.case_id
    case = case_of(first)
    assert case.looping
    assert case.priority == "high"
    assert len(told("handoff.requested")) == 1
    assert Handoff.objects.get(state="queued").accept_due_at is None


def test_record_turn_takes_what_the_lower_one_takes():
    found = record_turn(
        domain="demo",
        channel="web",
        session_id="s",
        request_id="r",
        messages=[{"role": "user", "content": "hello"}],
        expected_seq=0,
        control_epoch=0,
        customer_ref="c-1",
        confidence=0.5,
    )
    assert found.turn.seq == 1


def test_a_queue_whose_hours_and_budgets_cannot_be_read_is_open_and_keeps_the_promise(caplog):
    Queue.objects.create(domain="demo", name="broken", hours="whenever", budgets={"urgent": "soon"})
    found = ask(queue="broken")
    assert (found.handoff_status, found.turn.control) == ("handoff_queued", "queued")
    assert case_of(found).first_due_at is not None
    assert "cannot be read" in caplog.text
