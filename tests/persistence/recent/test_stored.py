"""What the writer knows of a stored turn is what a reader finds in its row, whatever was said; and so is what is cached."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from persistence.errors import InvalidTurn
from persistence.recent.entries import decode, encode, entry
from persistence.requests import turn_request
from persistence.turns import write_turn
from tests.handoff.support import ask, turn
from tests.persistence.recent.support import as_told, plain
from tests.persistence.support import conversation_of, say

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = Path(__file__).resolve().parents[1] / "hostile.jsonl"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
NUMBERS = st.one_of(
    st.integers(-(2**1000), 2**1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e300, -0.0, 1e15, 1e16, 1e22, 5e-324, 1e-7, 0.1 + 0.2, 1.0, 123456789.0]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), TEXT, NUMBERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
COUNT = st.none() | st.integers(0, 2**31 - 1)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "confidence": st.floats(0, 1) | st.sampled_from([0, 1, -0.0, 5e-324]),
        "escalated": st.booleans(),
        "reason_codes": st.lists(TEXT, max_size=3),
        "references": st.lists(VALUES, max_size=3),
        "error_code": TEXT,
        "model": TEXT,
        "latency_ms": COUNT,
        "tokens_in": COUNT,
        "tokens_out": COUNT,
        "metadata": st.dictionaries(TEXT, VALUES, max_size=3),
        "customer_ref": TEXT.filter(bool),
    },
)
EXTRA = st.dictionaries(TEXT.filter(lambda key: key not in ("role", "content")), VALUES, max_size=2)


def the_same_three_times(recorded):
    """Compare what the writer knows, what history reads, and what comes out of the cache."""
    found = conversation_of(recorded)
    (read,) = plain(found, after_seq=recorded.seq - 1, limit=1)
    (kept,) = decode(
        found.conversation_id, [entry(recorded.seq, 0, encode(found.conversation_id, recorded.stored))]
    )
    assert recorded.stored == read == kept
    assert as_told([recorded.stored]) == as_told([read]) == as_told([kept])
    assert read.created_at.tzinfo == kept.created_at.tzinfo


def nested(depth):
    return [nested(depth - 1)] if depth else 1.0


@rules(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("x", {"metadata": {"a": 1.0, "b": 1, "c": True, "d": 1e22, "e": -0.0}}, {"tool_calls": [{"n": 1.0}]})
@example("x", {"metadata": {"a": nested(30)}, "references": [nested(30)]}, {"extra": nested(30)})
@given(TEXT, FACTS, EXTRA)
def test_the_writer_the_row_and_the_cache_tell_the_same_turn(text, facts, extra):
    messages = [{"role": "user", "content": text}, {"role": "tool", "content": text} | extra]
    try:
        recorded = say(messages=messages, **facts)
    except InvalidTurn:
        return
    the_same_three_times(recorded)


def texts():
    """Yield the texts of the repository's hostile inputs."""
    for line in map(json.loads, HOSTILE.read_text(encoding="utf-8").splitlines()):
        if line["form"] == "text":
            yield line["text"]


def test_hostile_texts_are_told_the_same_wherever_they_stand():
    kept = 0
    for text in texts():
        try:
            recorded = say(
                text,
                text,
                metadata={"given": text, f"key {text}": [text]},
                references=[text],
                reason_codes=[text],
                error_code=text[:100],
            )
        except InvalidTurn:
            continue
        the_same_three_times(recorded)
        kept += 1
    assert kept > 3


def test_a_long_chain_of_turns_is_told_with_its_links():
    for number in range(5):
        recorded = say(str(number))
        the_same_three_times(recorded)
    assert recorded.stored.digest == conversation_of(recorded).chain_head


def test_a_replayed_turn_tells_nothing_for_its_row_may_say_something_else():
    first = say(request_id="once")
    again = say(reply="put differently", request_id="once")
    assert (again.turn_id, again.replayed, again.stored) == (first.turn_id, True, None)


def test_the_stored_control_is_the_rows_where_the_gate_answers_with_another():
    asked = ask().turn
    assert (asked.control, asked.stored.control, asked.stored.control_epoch) == ("queued", "bot", 0)
    the_same_three_times(asked)
    waiting = turn(reply=None).turn
    assert waiting.stored.control == "queued"
    the_same_three_times(waiting)


def test_a_turn_in_a_callers_transaction_is_known_before_the_commit():
    request = turn_request(
        {
            "channel": "web",
            "session_id": "s",
            "request_id": "r",
            "messages": [{"role": "user", "content": "x"}],
        }
    )
    with transaction.atomic():
        recorded = write_turn("demo", request)
    the_same_three_times(recorded)


def test_what_is_stored_is_redacted_and_takes_no_part_in_comparisons():
    recorded = say("my card is 4111 1111 1111 1111")
    assert "4111" not in str(recorded.stored.messages)
    assert "stored" not in repr(recorded)
    assert isinstance(recorded.stored.turn_id, UUID)
