"""Summaries in the context: the one that knows most, and what is recalled of earlier conversations."""

from typing import Any

import pytest

from handoff.cases import actions
from handoff.context import RECALL_SHARE, context, tokens_of
from persistence.history import find_conversation
from persistence.models import Conversation
from summarization.models import ConversationSummary, DomainPolicy
from summarization.untrusted import CLOSE, OPEN
from tests.handoff.support import ANNA, ask, turn
from tests.summarization.stored import stored, summarized, switch_on

pytestmark = pytest.mark.django_db(transaction=True)
REF = "ann"


def context_of(found: Any, budget: int = 4_000) -> dict[str, Any]:
    conversation = find_conversation("demo", found.turn.conversation_id)
    assert conversation is not None
    return context(conversation, budget)


def pk_of(found: Any) -> int:
    return Conversation.objects.get(public_id=found.turn.conversation_id).pk


def many(count: int, **more: Any) -> Any:
    for number in range(count):
        found = turn(f"and another thing {number}", **more)
    return found


def test_the_stored_summary_stands_in_for_what_does_not_fit_and_says_what_it_does_not_know():
    found = many(30)
    stored(pk_of(found))
    many(3)
    summary = context_of(found, 700)["summary"]
    assert summary["text"].startswith(f"{OPEN}\nProblem: My parcel 4711 has not arrived.\nSolution: ")
    assert "Topics: parcel 4711; customs in Lisbon" in summary["text"]
    assert {name: summary[name] for name in summary if name != "text"} == {
        "status": "resolved",
        "covers": [1, 30],
        "stale": True,
        "newer": 3,
    }


@pytest.mark.parametrize("budget", [1, 100, 600, 1_000])
def test_a_summary_that_does_not_fit_is_left_out_rather_than_the_budget_exceeded(budget):
    found = many(60)
    stored(pk_of(found), problem="and another thing " * 200)
    answer = context_of(found, budget)
    assert answer["summary"] is None
    assert answer["tokens"] <= budget
    assert context_of(found, 2_000)["summary"] is not None


def test_of_the_cases_own_summary_and_the_stored_one_the_one_that_knows_more_is_given():
    found = ask("My card was charged twice.")
    stored(pk_of(found), to_seq=1, problem="stored")
    many(30)
    assert "stored" in context_of(found, 700)["summary"]["text"]
    actions.close(found.case_id, actor=ANNA)
    again = ask("I want a person, my card was charged twice!")
    actions.return_to_bot(again.case_id, actor=ANNA)
    many(30)
    assert context_of(again, 700)["summary"]["covers"][1] >= 1
    ConversationSummary.objects.update(to_seq=60, problem="newest")
    assert "newest" in context_of(again, 700)["summary"]["text"]


def test_a_snapshot_of_an_earlier_release_is_still_told():
    found = ask("My card was charged twice.")
    case = {
        "problem": "old",
        "tried": "",
        "open_questions": [],
        "covers": [1, 1],
        "stale": False,
        "citations": [],
    }
    Conversation.objects.get(pk=pk_of(found)).cases.update(context_snapshot={"summary": case})
    many(30)
    summary = context_of(found, 700)["summary"]
    assert (summary["text"], summary["newer"]) == (f"{OPEN}\nProblem: old\n{CLOSE}", 30)


def test_earlier_conversations_are_recalled_but_not_this_one():
    earlier = summarized(REF)
    found = turn(customer_ref=REF)
    stored(pk_of(found), problem="of this very conversation")
    summarized("bob", problem="about bob")
    assert context_of(found)["recall"] is None
    switch_on()
    recall = context_of(found)["recall"]
    assert recall["conversation_ids"] == [str(earlier.conversation.public_id)]
    assert "My parcel 4711 has not arrived." in recall["text"]
    assert "of this very conversation" not in recall["text"]
    assert "bob" not in recall["text"]
    assert (recall["text"].startswith(OPEN), recall["text"].endswith(CLOSE)) == (True, True)
    DomainPolicy.objects.update(recall=False)
    assert context_of(found)["recall"] is None


def test_a_customer_whom_nobody_names_is_recalled_nothing_of():
    switch_on()
    summarized(None)
    assert context_of(turn())["recall"] is None


@pytest.mark.parametrize("budget", [1, 40, 200, 400, 700, 1_500, 4_000, 40_000])
def test_recall_takes_at_most_its_share_and_never_what_this_conversation_needs(budget):
    for _ in range(3):
        summarized(REF)
    switch_on()
    found = many(20, customer_ref=REF)
    DomainPolicy.objects.update(recall=False)
    without = context_of(found, budget)
    DomainPolicy.objects.update(recall=True)
    with_it = context_of(found, budget)
    spent = tokens_of(with_it["recall"]) if with_it["recall"] else 0
    assert spent <= budget // RECALL_SHARE
    assert with_it["tokens"] == without["tokens"] + spent <= budget
    assert (with_it["turns"], with_it["summary"]) == (without["turns"], without["summary"])
    assert bool(spent) == (budget >= 1_500)


def test_recall_that_fails_costs_the_assistant_nothing_else():
    summarized(REF, topics=[17])
    switch_on()
    found = context_of(turn("hello", customer_ref=REF))
    assert found["recall"] is None
    assert [one["seq"] for one in found["turns"]] == [1]


def test_while_recall_is_off_it_costs_one_look_at_the_switch(django_assert_max_num_queries):
    found = turn(customer_ref=REF)
    named = find_conversation("demo", found.turn.conversation_id)
    nameless = find_conversation("demo", turn(session_id="t").turn.conversation_id)
    assert named is not None
    assert nameless is not None
    with django_assert_max_num_queries(20) as costs:
        context(nameless, 4_000)
    before = len(costs)
    with django_assert_max_num_queries(before + 4) as costs:
        context(named, 4_000)
    assert sum("summarization_domain_policy" in query["sql"] for query in costs.captured_queries) == 1
    assert not any(
        "JOIN" in query["sql"] and "summarization_summary" in query["sql"] for query in costs.captured_queries
    )
