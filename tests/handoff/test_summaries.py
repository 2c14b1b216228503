"""What the desk knows of a conversation that is summarised: how its case stands, and who hears of the summary."""

import pytest

from handoff.cases import actions
from handoff.cases.merge import merge
from handoff.models import Endpoint
from handoff.summaries import Desk
from persistence.models import Conversation
from summarization.outside import Outcome, outside
from tests.handoff.support import ANNA, ask, turn

pytestmark = pytest.mark.django_db(transaction=True)
RESOLVED = Outcome("resolved", "case closed as resolved")


def pk_of(found) -> int:
    return Conversation.objects.get(public_id=found.turn.conversation_id).pk


def outcome(found) -> Outcome | None:
    return Desk().outcomes([pk_of(found)]).get(pk_of(found))


def test_the_settings_name_the_desk():
    assert isinstance(outside(), Desk)


def test_without_a_case_nothing_is_known():
    assert Desk().outcomes([pk_of(turn()), 10**9]) == {}
    assert Desk().outcomes([]) == {}


def test_a_live_case_is_escalated_and_says_how_it_stands():
    found = ask()
    assert outcome(found) == Outcome("escalated", "case is open")
    actions.claim(found.case_id, actor=ANNA)
    assert outcome(found) == Outcome("escalated", "case is in progress")
    actions.wait(found.case_id, actor=ANNA)
    assert outcome(found) == Outcome("escalated", "case waits for the customer")
    actions.return_to_bot(found.case_id, actor=ANNA)
    turn("and now?")
    assert outcome(found) == Outcome("escalated", "case is in progress")


def test_a_case_that_waits_for_consent_is_escalated_too():
    assert outcome(ask(consent_required=True)) == Outcome("escalated", "case waits for consent")


@pytest.mark.parametrize("end_conversation", [True, False])
def test_a_case_closed_as_resolved_is_resolved(end_conversation):
    found = ask()
    actions.reply(found.case_id, text="I refunded order 17.", actor=ANNA)
    actions.close(found.case_id, actor=ANNA, end_conversation=end_conversation)
    assert outcome(found) == RESOLVED


def test_what_is_said_after_the_case_was_closed_is_for_the_words_to_tell():
    found = ask()
    actions.close(found.case_id, actor=ANNA)
    turn("It is broken again.")
    assert outcome(found) is None


def test_a_customer_who_left_or_called_it_off_says_nothing_about_the_trouble():
    left, cancelled = ask(session_id="left"), ask(session_id="cancelled")
    actions.user_ended(left.case_id, actor=ANNA)
    actions.cancel(cancelled.case_id, actor=ANNA)
    assert (outcome(left), outcome(cancelled)) == (None, None)


def test_the_newest_case_decides(settings):
    settings.HANDOFF_LOOP_MINUTES = 0
    first = ask()
    actions.close(first.case_id, actor=ANNA)
    second = ask("me again")
    assert second.case_id != first.case_id
    assert outcome(second) == Outcome("escalated", "case is open")
    actions.close(second.case_id, actor=ANNA)
    assert outcome(second) == RESOLVED


def test_a_duplicate_stands_as_the_case_that_it_went_into():
    duplicate, kept = ask(session_id="a"), ask(session_id="b")
    merge(duplicate.case_id, into=kept.case_id, actor=ANNA)
    assert outcome(duplicate) == Outcome("escalated", "case is open")
    actions.close(kept.case_id, actor=ANNA)
    assert outcome(duplicate) == RESOLVED


def test_many_conversations_cost_one_query(django_assert_num_queries):
    pks = [pk_of(ask(session_id=f"s{number}")) for number in range(30)]
    with django_assert_num_queries(1):
        assert Desk().outcomes(pks).keys() == set(pks)


def test_those_hear_of_summaries_that_a_domain_has_webhooks_for_switched_off_ones_included():
    given = {"domain": "demo", "connector": "webhook", "url": "https://app.example/summaries"}
    for slug, changes in (
        ("app", {"purpose": "summaries"}),
        ("off", {"purpose": "summaries", "active": False}),
        ("desk", {}),
        ("replies", {"purpose": "replies"}),
        ("elsewhere", {"purpose": "summaries", "domain": "other"}),
    ):
        Endpoint.objects.create(slug=slug, **given | changes)
    assert Desk().listeners("demo") == ["summaries:app", "summaries:off"]
    assert Desk().listeners("nowhere") == []
