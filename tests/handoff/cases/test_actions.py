"""What people do to a case, and what it does to the conversation."""

from datetime import timedelta
from uuid import uuid4

import pytest

from handoff.cases import actions
from handoff.cases.merge import merge
from handoff.cases.sweep import sweep
from handoff.errors import AlreadyClaimed, CaseNotFound, StaleVersion, TransitionRefused
from handoff.models import Endpoint, Handoff, Queue, SupportCase
from outbox.models import Delivery
from persistence.errors import InvalidTurn, StaleControl
from persistence.models import Turn
from tests.handoff.support import ANNA, BEN, ask, case_of, control_of, kinds, told, turn

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_claim_gives_the_conversation_to_the_agent():
    found = ask()
    case = actions.claim(found.case_id, actor=ANNA, version=1)
    assert (case.status, case.assignee, case.version) == ("in_progress", "anna", 2)
    assert control_of(found) == ("human", 2)
    assert Handoff.objects.get().accepted_by == "anna"
    assert told("control.changed")[-1]["control"] == "human"


def test_a_claim_that_comes_second_is_told_who_was_first():
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    with pytest.raises(AlreadyClaimed) as refused:
        actions.claim(found.case_id, actor=BEN)
    assert refused.value.current() == {"assignee": "anna", "version": 2}
    assert "anna" in str(refused.value)


def test_claiming_twice_changes_nothing():
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    assert actions.claim(found.case_id, actor=ANNA).version == 2
    assert control_of(found) == ("human", 2)


def test_an_action_on_an_older_version_is_refused_with_the_present_state():
    found = ask()
    actions.set_priority(found.case_id, priority="high", actor=ANNA)
    with pytest.raises(StaleVersion) as refused:
        actions.claim(found.case_id, actor=ANNA, version=1)
    assert refused.value.current() == {"version": 2, "case_status": "open", "assignee": ""}


def test_a_case_of_another_domain_is_not_there():
    found = ask()
    for case_id, domain in ((found.case_id, "other"), (uuid4(), "demo")):
        with pytest.raises(CaseNotFound):
            actions.claim(case_id, actor=ANNA, domain=domain)


def test_the_assistants_answer_after_the_takeover_is_refused_and_the_customers_words_are_kept_without_it():
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    with pytest.raises(StaleControl):
        turn("are you there?", "I am the assistant.", request_id="late", control_epoch=1)
    kept = turn("are you there?", None, request_id="late")
    assert (kept.turn.control, kept.case_id) == ("human", found.case_id)
    assert kinds(found)[-1] == "customer_said"


def test_a_reply_is_a_turn_of_the_conversation_and_goes_to_the_customer_in_order():
    Endpoint.objects.create(
        slug="app", purpose="replies", domain="demo", connector="webhook", url="http://app"
    )
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    actions.reply(found.case_id, text="Hello, this is Anna.", actor=ANNA)
    actions.reply(found.case_id, text="How can I help?", actor=ANNA)
    written = list(Turn.objects.order_by("seq").values_list("seq", "messages"))
    assert written[1:] == [
        (2, [{"role": "agent", "content": "Hello, this is Anna.", "name": "anna"}]),
        (3, [{"role": "agent", "content": "How can I help?", "name": "anna"}]),
    ]
    assert [(one["seq"], one["text"]) for one in told("reply.created")] == [
        (2, "Hello, this is Anna."),
        (3, "How can I help?"),
    ]
    case = case_of(found)
    assert case.first_responded_at is not None
    assert Handoff.objects.get().state == "active"


def test_a_repeated_reply_is_sent_once():
    found = ask()
    for _ in range(2):
        actions.reply(found.case_id, text="Hello", request_id="k", actor=ANNA)
    assert len(told("reply.created")) == 1
    assert kinds(found).count("replied") == 1


def test_a_reply_to_a_case_of_a_colleague_is_refused():
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    with pytest.raises(AlreadyClaimed):
        actions.reply(found.case_id, text="Hello", actor=BEN)
    assert Turn.objects.count() == 1


@pytest.mark.parametrize("text", ["", "  ", "a\x00b", "\ud800", "x" * 16_001])
def test_a_text_that_cannot_be_sent_is_refused_by_name(text):
    found = ask()
    for action in (actions.reply, actions.note):
        with pytest.raises(InvalidTurn) as refused:
            action(found.case_id, text=text, actor=ANNA)
        assert refused.value.errors[0].field == "text"
    assert kinds(found) == ["opened", "queued"]


def test_a_note_stays_inside():
    found = ask()
    actions.note(found.case_id, text="card 4111 1111 1111 1111", actor=ANNA)
    assert case_of(found).events.last().text == "card [CARD]"
    assert not told("reply.created")
    assert Turn.objects.count() == 1
    assert case_of(found).version == 1


def test_waiting_for_the_customer_stops_the_clocks_until_they_speak():
    found = ask()
    actions.reply(found.case_id, text="Your order number?", wait=True, actor=ANNA)
    waiting = case_of(found)
    assert (waiting.status, waiting.attention_at) == ("waiting_customer", None)
    assert waiting.paused_at is not None
    turn("It is 42.", None)
    back = case_of(found)
    assert (back.status, back.paused_at) == ("in_progress", None)
    assert back.next_due_at is not None
    assert back.resolution_due_at > waiting.resolution_due_at


def test_return_to_the_bot_ends_the_attempt_and_the_assistant_may_speak():
    found = ask()
    actions.reply(found.case_id, text="Done.", actor=ANNA)
    actions.return_to_bot(found.case_id, note="refunded", actor=ANNA)
    attempt = Handoff.objects.get()
    assert (attempt.state, attempt.outcome, attempt.from_seq, attempt.to_seq) == (
        "returned",
        "refunded",
        1,
        2,
    )
    assert control_of(found) == ("bot", 3)
    assert turn(control_epoch=3).turn.control == "bot"
    assert case_of(found).status == "in_progress"


def test_closing_ends_everything_and_the_next_word_is_the_bots():
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    case = actions.close(found.case_id, note="solved", actor=ANNA)
    assert (case.status, case.closed_as, case.attention_at, case.warn_at) == (
        "closed",
        "resolved",
        None,
        None,
    )
    assert case.closed_at is not None
    assert Handoff.objects.get().state == "resolved"
    assert turn().turn.control == "bot"


def test_closing_with_the_conversation_opens_a_new_one_for_the_next_word():
    found = ask()
    actions.close(found.case_id, end_conversation=True, actor=ANNA)
    assert turn().turn.conversation_id != found.turn.conversation_id


def test_who_comes_back_soon_reopens_the_case_and_who_comes_back_later_opens_a_follow_up(settings):
    first = ask()
    actions.close(first.case_id, actor=ANNA)
    assert ask().case_id == first.case_id
    assert (case_of(first).status, case_of(first).reopened) == ("open", 1)
    actions.close(first.case_id, actor=ANNA)
    SupportCase.objects.update(closed_at=case_of(first).closed_at - timedelta(days=2))
    second = ask()
    assert second.case_id != first.case_id
    assert case_of(second).follow_up_of == case_of(first)


def test_release_puts_the_case_and_the_conversation_back_into_the_queue():
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    case = actions.release(found.case_id, actor=ANNA)
    assert (case.status, case.assignee) == ("open", "")
    assert control_of(found)[0] == "queued"
    assert actions.claim(found.case_id, actor=BEN).assignee == "ben"


def test_consent_calls_the_team_and_refusal_cancels():
    given, refused = ask(consent_required=True), ask(consent_required=True, session_id="t")
    assert set(Handoff.objects.values_list("state", flat=True)) == {"requested"}
    actions.give_consent(given.case_id, actor=ANNA)
    actions.cancel(refused.case_id, actor=ANNA, note="no consent")
    assert (case_of(given).status, control_of(given)[0]) == ("open", "queued")
    assert case_of(given).attention_at is not None
    assert [one["case_id"] for one in told("handoff.requested")] == [str(given.case_id)]
    assert (case_of(refused).status, control_of(refused)) == ("cancelled", ("bot", 0))
    assert case_of(refused).closed_at is not None
    assert set(Handoff.objects.values_list("state", flat=True)) == {"queued", "cancelled"}


def test_what_the_state_does_not_allow_is_refused():
    found = ask()
    actions.close(found.case_id, actor=ANNA)
    for action in (actions.claim, actions.release, actions.wait, actions.close, actions.give_consent):
        with pytest.raises(TransitionRefused):
            action(found.case_id, actor=ANNA)
    assert control_of(found)[0] == "bot"


def test_transfer_moves_the_case_to_another_queue_for_anybody():
    Queue.objects.create(domain="demo", name="billing")
    Queue.objects.create(domain="other", name="theirs")
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    case = actions.transfer(found.case_id, queue="billing", actor=ANNA)
    assert (case.queue.name, case.assignee, case.status) == ("billing", "", "open")
    for unknown in ("nowhere", "theirs"):
        with pytest.raises(InvalidTurn):
            actions.transfer(found.case_id, queue=unknown, actor=ANNA)


def test_priority_moves_the_due_times():
    found = ask()
    before = case_of(found).first_due_at
    after = actions.set_priority(found.case_id, priority="urgent", actor=ANNA).first_due_at
    assert before - after == timedelta(minutes=480 - 60)


def test_a_duplicate_is_merged_and_both_histories_say_so():
    one, two = ask(session_id="a"), ask(session_id="b")
    merged = merge(one.case_id, into=two.case_id, actor=ANNA)
    assert (merged.status, merged.closed_as, merged.merged_into.case_id) == (
        "closed",
        "duplicate",
        two.case_id,
    )
    assert (kinds(one)[-1], kinds(two)[-1]) == ("merged", "merged_in")
    assert control_of(one)[0] == "bot"
    with pytest.raises(TransitionRefused):
        merge(two.case_id, into=one.case_id, actor=ANNA)
    with pytest.raises(InvalidTurn):
        merge(two.case_id, into=two.case_id, actor=ANNA)


def test_nobody_in_time_the_assistant_takes_over_again_and_the_case_stays():
    found = ask()
    attempt = Handoff.objects.get()
    assert sweep(now=attempt.accept_due_at - timedelta(seconds=1))["attempts"] == 0
    assert sweep(now=attempt.accept_due_at)["attempts"] == 1
    assert control_of(found) == ("bot", 2)
    assert (case_of(found).status, Handoff.objects.get().state) == ("open", "timed_out")
    assert told("control.changed")[-1]["reason"] == "no_agent"
    assert sweep(now=attempt.accept_due_at)["attempts"] == 0


def test_who_takes_a_case_and_says_nothing_gives_it_back():
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    due = Handoff.objects.get().accept_due_at
    sweep(now=due)
    assert (case_of(found).assignee, control_of(found)[0]) == ("", "queued")
    sweep(now=due + timedelta(minutes=15))
    assert control_of(found)[0] == "bot"


def test_each_case_is_warned_of_once_and_breached_once():
    found = ask(priority="urgent")
    due = case_of(found).first_due_at
    opened = case_of(found).opened_at
    for now in (
        opened,
        opened + timedelta(minutes=36),
        due - timedelta(minutes=1),
        due,
        due + timedelta(hours=9),
    ):
        sweep(now=now)
        sweep(now=now)
    told_to_nobody = [kind for kind in kinds(found) if kind in ("warned", "breached")]
    assert told_to_nobody == ["warned", "breached"]
    assert case_of(found).breached_at == due


def test_help_desks_hear_of_a_case_in_the_order_of_its_events_and_only_those_of_its_domain():
    for slug, domain in (("ours", "demo"), ("theirs", "other")):
        Endpoint.objects.create(slug=slug, domain=domain, connector="webhook", url="http://desk")
    found = ask()
    actions.claim(found.case_id, actor=ANNA)
    actions.note(found.case_id, text="look", actor=ANNA)
    actions.reply(found.case_id, text="Hello", actor=ANNA)
    heard = Delivery.objects.filter(lane__destination__startswith="helpdesk:").order_by("seq", "id")
    assert [one.event.event_type for one in heard] == [
        "handoff.requested",
        "case.status",
        "case.note",
        "case.message",
    ]
    assert {one.lane.destination for one in heard} == {"helpdesk:ours"}
    assert {one.lane.ordering_key for one in heard} == {str(found.case_id)}


def test_a_transfer_opens_a_ticket_at_the_new_queues_desk_and_tells_the_old_one_once():
    queues = {name: Queue.objects.create(domain="demo", name=name) for name in ("general", "billing")}
    for name, queue in queues.items():
        Endpoint.objects.create(slug=name, domain="demo", queue=queue, connector="webhook", url="http://desk")
    Endpoint.objects.create(slug="all", domain="demo", connector="webhook", url="http://desk")
    found = ask()
    for queue in ("billing", "general", "billing"):
        actions.transfer(found.case_id, queue=queue, actor=ANNA)
    heard = Delivery.objects.order_by("lane__destination", "seq", "id")
    by_desk = {slug: [] for slug in ("all", "billing", "general")}
    for one in heard.filter(lane__destination__startswith="helpdesk:"):
        by_desk[one.lane.destination.removeprefix("helpdesk:")].append(one.event.event_type)
    assert by_desk == {slug: ["handoff.requested"] + ["case.status"] * 3 for slug in by_desk}
