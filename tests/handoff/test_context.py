"""What the assistant is given for its next answer."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoff.cases import actions
from handoff.context import context, tokens_of
from persistence.history import find_conversation
from summarization.untrusted import CLOSE, OPEN, delimited
from tests.handoff.support import ANNA, ask, turn

pytestmark = pytest.mark.django_db(transaction=True)


def context_of(found, budget=4_000):
    return context(find_conversation("demo", found.turn.conversation_id), budget)


def test_a_short_conversation_is_given_whole():
    turn("one")
    found = context_of(turn("two"))
    assert [one["seq"] for one in found["turns"]] == [1, 2]
    assert (found["omitted"]["count"], found["marker"], found["summary"]) == (0, None, None)
    assert (found["control"], found["last_seq"]) == ("bot", 2)


@pytest.mark.parametrize("budget", [1, 50, 100, 333, 1_000, 10_000])
def test_the_newest_turns_that_fit_are_given_and_the_estimate_holds(budget):
    for number in range(120):
        last = turn(f"message {number} " + "x" * (number % 60))
    found = context_of(last, budget)
    seqs = [one["seq"] for one in found["turns"]]
    assert seqs == list(range(121 - len(seqs), 121))
    assert found["tokens"] == sum(tokens_of(one) for one in found["turns"]) <= budget
    assert found["omitted"]["count"] == 120 - len(seqs)


def tool_turn(call_id, *, call, result):
    messages = [{"role": "user", "content": "x"}]
    if call:
        messages.append(
            {"role": "assistant", "content": "", "tool_calls": [{"id": call_id, "name": "look_up"}]}
        )
    if result:
        messages.append({"role": "tool", "content": "found", "tool_call_id": call_id})
    return turn(messages=messages)


def test_a_tools_result_is_never_given_without_its_call():
    for number in range(6):
        tool_turn(f"call-{number}", call=True, result=False)
        last = tool_turn(f"call-{number}", call=False, result=True)
    for budget in range(0, 1_200, 40):
        messages = [
            message for one in context_of(last, max(budget, 1))["turns"] for message in one["messages"]
        ]
        called = {call["id"] for message in messages for call in message.get("tool_calls", [])}
        answered = {message["tool_call_id"] for message in messages if message["role"] == "tool"}
        assert answered == called


def test_after_a_human_stretch_the_assistant_is_told_what_happened():
    found = ask()
    assert context_of(found)["marker"] is None
    actions.reply(found.case_id, text="I refunded order 17.", actor=ANNA)
    actions.return_to_bot(found.case_id, note="refunded", actor=ANNA)
    marker = context_of(found)["marker"]
    assert (marker["from_seq"], marker["to_seq"], marker["outcome"]) == (1, 2, "returned")
    assert "You are in control again." in marker["text"]
    assert marker["summary"] == delimited("refunded\nI refunded order 17.")
    assert [one["control"] for one in context_of(found)["turns"]] == ["bot", "human"]


def test_a_summary_stands_in_for_what_does_not_fit():
    turn("My parcel is lost, it was sent on Monday and nobody knows where it is.", "I will look.")
    found = ask()
    for number in range(30):
        turn(f"and another thing {number}")
    summary = context_of(found, 900)["summary"]
    assert "My parcel is lost" in summary["text"]
    assert summary["stale"]
    assert context_of(found, 100_000)["summary"] is None


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_delimited_text_cannot_close_its_delimiters(text):
    inside = delimited(text).removeprefix(OPEN).removesuffix(CLOSE)
    assert "<<<" not in inside
    assert ">>>" not in inside
