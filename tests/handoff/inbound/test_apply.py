"""What a desk tells, and what becomes of the case."""

import pytest

from handoff.cases import actions
from handoff.errors import CaseNotFound
from handoff.inbound.apply import hear
from handoff.inbound.reply import pieces
from handoff.models import CaseEvent, ExternalLink, InboundReceipt, Queue
from persistence.errors import InvalidTurn
from persistence.models import Turn
from tests.handoff.inbound.support import (
    desk_endpoint,
    fresh,
    heard,
    in_a,
    receivers_of,
    says,
    ticket,
)
from tests.handoff.support import ANNA, ask, control_of, told, turn

pytestmark = pytest.mark.django_db(transaction=True)


def texts(found) -> list[str]:
    turns = Turn.objects.filter(conversation__public_id=found.turn.conversation_id).order_by("seq")
    return [message["content"] for one in turns for message in one.messages if message["role"] == "agent"]


def test_the_first_reply_takes_control_and_reaches_the_customer():
    endpoint = desk_endpoint()
    desk_endpoint("app", purpose="replies")
    found, _ = ticket(endpoint)
    assert says(endpoint, "reply", found, text="Hello, this is Ana.").outcome == "applied"
    case = fresh(found)
    assert (case.status, case.assignee, control_of(found)[0]) == ("in_progress", "hook:Ana", "human")
    assert case.first_responded_at is not None
    (reply,) = told("reply.created")
    assert (reply["text"], reply["author"], reply["seq"]) == ("Hello, this is Ana.", "Ana", 2)
    assert receivers_of("reply.created") == ["replies:app"]


def test_a_desk_is_not_told_its_own_news_and_every_other_desk_is():
    endpoint = desk_endpoint()
    desk_endpoint("other")
    found, _ = ticket(endpoint)
    says(endpoint, "reply", found, text="Hello")
    assert receivers_of("case.message") == ["helpdesk:other"]
    says(endpoint, "status", found, status="closed", at=in_a(5))
    assert receivers_of("case.status") == ["helpdesk:other"]
    says(endpoint, "note", found, text="for colleagues")
    assert receivers_of("case.note") == ["helpdesk:other"]
    actions.reopen(found.case_id, actor=ANNA)
    assert receivers_of("case.status") == ["helpdesk:hook", "helpdesk:other"]


def test_a_note_is_seen_by_colleagues_only():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    says(endpoint, "note", found, text="she called before")
    note = CaseEvent.objects.get(kind="noted")
    assert (note.text, note.actor, note.data["author"]) == ("she called before", "desk:hook:Ana", "Ana")
    assert (Turn.objects.count(), control_of(found)[0]) == (1, "queued")


def test_an_assignment_at_the_desk_takes_control():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    assert says(endpoint, "assigned", found, author="Bea", at=in_a(1)).outcome == "applied"
    assert (fresh(found).assignee, fresh(found).status) == ("hook:Bea", "in_progress")
    assert control_of(found)[0] == "human"


@pytest.mark.parametrize(
    ("status", "control"),
    [("open", "queued"), ("in_progress", "human"), ("waiting_customer", "human"), ("closed", "bot")],
)
def test_a_status_brings_the_case_there_and_control_with_it(status, control):
    endpoint = desk_endpoint()
    found, link = ticket(endpoint)
    at = in_a(2)
    assert says(endpoint, "status", found, status=status, at=at).outcome == "applied"
    assert (fresh(found).status, control_of(found)[0]) == (status, control)
    link.refresh_from_db()
    assert link.heard_at == at


@pytest.mark.parametrize("first", ["open", "in_progress", "waiting_customer", "closed"])
@pytest.mark.parametrize("then", ["open", "in_progress", "waiting_customer", "closed"])
def test_every_status_can_follow_every_other(first, then):
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    says(endpoint, "status", found, status=first, at=in_a(2))
    assert says(endpoint, "status", found, status=then, at=in_a(3)).outcome == "applied"
    assert fresh(found).status == then


def test_old_news_is_recorded_and_changes_nothing():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    says(endpoint, "status", found, status="closed", at=in_a(5))
    before = fresh(found).version
    assert says(endpoint, "status", found, status="in_progress", at=in_a(2)).outcome == "stale"
    assert (fresh(found).status, fresh(found).version) == ("closed", before)
    assert list(InboundReceipt.objects.order_by("id").values_list("outcome", flat=True)) == [
        "applied",
        "stale",
    ]


def test_a_desk_whose_clock_is_ahead_does_not_outdate_what_it_says_later():
    endpoint = desk_endpoint()
    found, link = ticket(endpoint)
    says(endpoint, "status", found, status="in_progress", at=in_a(10**7))
    link.refresh_from_db()
    assert link.heard_at < in_a(600)


def test_a_customer_who_answered_meanwhile_is_not_waited_for():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    says(endpoint, "reply", found, text="Which card?")
    before = in_a(-5)
    turn("the blue one", reply=None)
    assert says(endpoint, "status", found, status="waiting_customer", at=before).outcome == "stale"
    assert fresh(found).status == "in_progress"


def test_what_was_closed_here_is_not_opened_again_by_what_the_desk_said_before():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    before = in_a(-5)
    actions.close(found.case_id, actor=ANNA)
    assert says(endpoint, "status", found, status="in_progress", at=before).outcome == "stale"
    assert says(endpoint, "status", found, status="in_progress", at=in_a(5)).outcome == "applied"
    assert fresh(found).status == "in_progress"


def test_a_desk_opens_again_what_it_closed_though_both_arrive_late():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    says(endpoint, "status", found, status="closed", at=in_a(-60))
    assert says(endpoint, "status", found, status="open", at=in_a(-50)).outcome == "applied"
    assert fresh(found).status == "open"
    assert control_of(found)[0] == "queued", "the assistant does not go on as if nobody came"


def test_an_open_ticket_does_not_take_a_case_from_our_own_agent():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    actions.claim(found.case_id, actor=ANNA)
    says(endpoint, "status", found, status="open", at=in_a(2))
    assert (fresh(found).assignee, fresh(found).status) == ("anna", "in_progress")


def test_a_reply_to_a_case_that_waits_for_the_customer_leaves_it_waiting():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    says(endpoint, "status", found, status="waiting_customer", at=in_a(2))
    says(endpoint, "reply", found, text="One more thing")
    assert (fresh(found).status, texts(found)) == ("waiting_customer", ["One more thing"])


def test_a_reply_to_a_closed_case_reaches_the_customer_and_leaves_it_closed():
    """ "Reply and solve" comes as two posts in either order; the desk says by itself when a ticket is open again."""
    endpoint = desk_endpoint()
    desk_endpoint("app", purpose="replies")
    found, _ = ticket(endpoint)
    says(endpoint, "status", found, status="closed", at=in_a(2))
    assert says(endpoint, "reply", found, text="Solved, goodbye").outcome == "applied"
    assert (fresh(found).status, control_of(found)[0], texts(found)) == ("closed", "bot", ["Solved, goodbye"])
    assert [reply["text"] for reply in told("reply.created")] == ["Solved, goodbye"]


def test_a_reply_after_the_conversation_has_ended_is_kept_as_a_note_that_says_so():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    actions.close(found.case_id, actor=ANNA, end_conversation=True)
    assert says(endpoint, "reply", found, text="Are you there?").outcome == "kept_as_note"
    note = CaseEvent.objects.get(kind="noted")
    assert note.text.startswith("Not sent to the customer") and note.text.endswith("Are you there?")
    assert receivers_of("case.note") == ["helpdesk:hook"], "the one who wrote it has to know"
    assert texts(found) == []


@pytest.mark.parametrize("status", ["open", "in_progress", "waiting_customer", "closed"])
def test_a_cancelled_case_stays_cancelled(status):
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    actions.cancel(found.case_id, actor=ANNA)
    assert says(endpoint, "status", found, status=status, at=in_a(2)).outcome == "ended"
    assert says(endpoint, "assigned", found, author="Bea", at=in_a(2)).outcome == "ended"
    assert fresh(found).status == "cancelled"


def test_what_the_state_does_not_allow_is_recorded_once_and_changes_nothing():
    """The conversation has a newer case: the old one cannot be opened beside it."""
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    actions.close(found.case_id, actor=ANNA)
    CaseEvent.objects.filter(case__case_id=found.case_id).update(created_at=in_a(-86_400))
    case = fresh(found)
    case.closed_at = in_a(-86_400)
    case.save()
    newer = ask()
    assert newer.case_id != found.case_id
    events = CaseEvent.objects.count()
    again = heard("status", found.case_id, status="open", at=in_a(2))
    assert hear(endpoint, again).outcome == "refused"
    assert hear(endpoint, again).duplicate
    assert (fresh(found).status, CaseEvent.objects.count()) == ("closed", events)


def test_before_consent_no_desk_may_speak():
    endpoint = desk_endpoint()
    found = ask(consent_required=True)
    with pytest.raises(CaseNotFound):
        says(endpoint, "reply", found, text="Hello")
    assert not InboundReceipt.objects.exists()


def test_a_desk_of_another_queue_may_not_speak_unless_it_has_the_ticket():
    queue = Queue.objects.create(domain="demo", name="cards")
    endpoint = desk_endpoint(queue=queue)
    found = ask()
    with pytest.raises(CaseNotFound):
        says(endpoint, "reply", found, text="Hello")
    transferred, _ = ticket(endpoint, session_id="transferred")
    assert says(endpoint, "reply", transferred, text="Hello").outcome == "applied"


def test_a_desk_that_speaks_before_its_answer_was_kept_is_linked_and_the_real_id_follows():
    endpoint = desk_endpoint()
    found = ask()
    says(endpoint, "reply", found, text="Hello")
    assert ExternalLink.objects.get().external_id == str(found.case_id)
    says(endpoint, "note", found, text="more", external_id="T-7")
    assert ExternalLink.objects.get().external_id == "T-7"


def test_ids_that_contradict_each_other_are_refused():
    endpoint = desk_endpoint()
    first, link = ticket(endpoint, session_id="first")
    second, _ = ticket(endpoint, session_id="second")
    with pytest.raises(InvalidTurn):
        says(endpoint, "note", second, text="x", external_id=link.external_id)
    with pytest.raises(InvalidTurn):
        says(endpoint, "note", first, text="x", external_id="T-another")
    assert not InboundReceipt.objects.exists()


def test_a_ticket_that_never_was_ours_is_let_pass():
    """Zendesk posts about every ticket of the account; a refusal for each would make it stop posting at all."""
    endpoint = desk_endpoint("zen", connector="zendesk")
    assert hear(endpoint, heard("reply", None, text="Hello", external_id="35436")).outcome == "not_ours"
    assert not InboundReceipt.objects.exists()


def test_an_echo_is_recorded_and_ignored():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    echo = heard("ignored", found.case_id)
    assert hear(endpoint, echo).outcome == "ignored"
    assert hear(endpoint, echo).duplicate


def test_an_answer_longer_than_a_reply_may_be_goes_out_in_parts():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    text = "word " * 8_000
    says(endpoint, "reply", found, text=text)
    assert [len(part) <= 16_000 for part in texts(found)] == [True, True, True]
    assert " ".join(texts(found)) == text.strip()


def test_a_cut_hides_no_card_number_from_redaction():
    card = "4111 1111 1111 1111"
    for before in range(15_980, 16_000):
        assert card[-4:] not in "".join(pieces("x" * before + " " + card)).replace(" ", "")


def test_what_a_desk_writes_is_redacted_like_everything_else():
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    says(endpoint, "reply", found, text="I see 4111 1111 1111 1111 here")
    assert "4111" not in str(texts(found))
