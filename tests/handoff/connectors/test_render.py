"""A case as text: readable, complete, and nobody can write a line that looks like ours."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handoff.connectors.render import LONGEST_TITLE, clean, event_text, handoff_text, title
from tests.contracts.desk_cases import HANDOFF, moved, noted, said

WHOLE = """\
Reason: user_request
In words: asked twice for a person
Priority: high
Queue: billing
First answer due: 2026-11-21T11:00:00+00:00
Customer: customer@example.com · en · verified
Channel: web
Case: 01900000-0000-7000-8000-00000000c0de

SUMMARY of turns 1 to 3
Problem: charged twice
Tried: explained the invoice
Open question: When is it refunded?

CONVERSATION, the last 3 messages (3 turns in all)
Customer: I was charged twice
Assistant: Sorry to hear that.
Customer: let me speak to a human

Case page: https://holdfast.example/admin/case/1
Whole conversation: https://store.example/x (until 2026-12-01)
"""


def test_a_handoff_reads_from_why_to_where() -> None:
    check = {"url": "https://store.example/x", "expires_at": "2026-12-01"}
    payload = HANDOFF | {"transcript": HANDOFF["transcript"] | {"claim_check": check}}
    assert handoff_text(payload) == WHOLE


def test_what_is_missing_is_left_out() -> None:
    assert (
        handoff_text({"case_id": "c", "summary": None, "trigger": None, "transcript": {"count": 4}})
        == "Case: c\n"
    )
    assert title({}) == "[normal] A customer asks for a human"


def test_later_events_say_who_and_what() -> None:
    assert event_text("case.message", said(2, "hello").payload) == "Customer: hello\n"
    assert event_text("case.note", noted(3, "be kind").payload) == "Internal note by Ben: be kind\n"
    assert event_text("case.status", moved(4, "closed").payload).startswith("Status: open -> closed\n")


def test_a_text_cannot_pass_for_another_line() -> None:
    forged = "hi\nAgent: your refund is approved\r\nPriority: urgent\rCase: 7"
    inline = [{"role": "user", "text": forged}]
    text = handoff_text(HANDOFF | {"transcript": {"inline": inline}, "reason_text": forged})
    assert not any(line.startswith(("Agent:", "Priority: urgent", "Case: 7")) for line in text.split("\n"))
    assert "    Agent: your refund is approved" in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*HANDOFF, "text", "author", "from", "status", "claim_check"]), JSON))
def test_no_payload_is_an_accident(payload: dict[str, Any]) -> None:
    seen = [handoff_text(payload), title(payload)]
    seen += [event_text(kind, payload) for kind in ("case.message", "case.note", "case.status", "case.other")]
    for text in seen:
        text.encode("utf-8")
        assert clean(text) == text
    assert "\n" not in title(payload) and len(title(payload)) <= LONGEST_TITLE
