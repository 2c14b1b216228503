"""What of a payload travels apart."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.claim_check.split import Options, key_of, split
from persistence.jsontext import dumps

EVENT = UUID("019358f2-7a10-7000-8000-0123456789ab")
TURNS = [{"text": "x" * 100}] * 20


def size(payload):
    return len(dumps(payload).encode())


def test_a_payload_of_exactly_the_limit_travels_whole():
    payload = {"a": "é" * 100}
    assert split(EVENT, payload, Options(over=size(payload))) is None
    assert split(EVENT, payload, Options(over=size(payload) - 1)) is not None


def test_the_part_is_taken_and_the_claim_check_stands_beside_where_it_was():
    payload = {"case_id": "c", "transcript": {"count": 20, "turns": TURNS}}
    apart = split(EVENT, payload, Options(over=500, part="transcript.turns"))
    assert apart is not None
    assert json.loads(apart.body) == TURNS
    assert apart.with_check({"key": "k"}) == {
        "case_id": "c",
        "transcript": {"count": 20, "claim_check": {"key": "k"}},
    }


def test_a_part_on_top_leaves_its_claim_check_on_top():
    apart = split(EVENT, {"turns": TURNS, "n": 1}, Options(over=500, part="turns"))
    assert apart is not None
    assert apart.with_check({"key": "k"}) == {"n": 1, "claim_check": {"key": "k"}}


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"case_id": "c", "text": "x" * 2000}, id="there-is-no-such-part"),
        pytest.param({"case_id": "c", "transcript": None, "text": "x" * 2000}, id="the-path-leads-nowhere"),
        pytest.param(
            {"case_id": "c", "transcript": {"turns": TURNS}, "text": "x" * 2000}, id="the-part-is-not-enough"
        ),
    ],
)
def test_all_of_it_is_taken_where_the_part_does_not_help_and_what_to_keep_stays(payload):
    apart = split(EVENT, payload, Options(over=500, part="transcript.turns", keep=("case_id", "absent")))
    assert apart is not None
    assert json.loads(apart.body) == payload
    assert apart.with_check({"key": "k"}) == {"case_id": "c", "claim_check": {"key": "k"}}


def test_the_key_is_a_function_of_event_part_and_content():
    assert key_of(EVENT, None, "0123456789abcdef" * 4) == (
        "v1/019358/019358f2-7a10-7000-8000-0123456789ab.whole.0123456789abcdef.json"
    )
    payload = {"transcript": {"turns": TURNS}}
    options = Options(over=500, part="transcript.turns")
    first, again = split(EVENT, payload, options), split(EVENT, json.loads(json.dumps(payload)), options)
    other = split(EVENT, {"transcript": {"turns": TURNS[1:]}}, options)
    assert first and again and other
    assert first.key == again.key != other.key
    assert ".transcript.turns." in first.key


def test_the_payload_itself_is_left_as_it_was():
    payload = {"transcript": {"turns": TURNS}}
    before = dumps(payload)
    apart = split(EVENT, payload, Options(over=500, part="transcript.turns"))
    assert apart is not None
    apart.with_check({"key": "k"})
    assert dumps(payload) == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(
    payload=st.dictionaries(st.sampled_from(["turns", "transcript", "a", "b"]), json_values),
    over=st.integers(0, 200),
)
def test_rest_and_body_together_are_the_whole_payload_at_every_try(payload, over):
    options = Options(over=over, part="transcript.turns")
    apart = split(EVENT, payload, options)
    assert apart == split(EVENT, json.loads(dumps(payload)), options)
    if apart is None:
        assert size(payload) <= over
    elif apart.part is None:
        assert json.loads(apart.body) == payload
    else:
        assert apart.rest["transcript"] | {"turns": json.loads(apart.body)} == payload["transcript"]
        assert size(apart.rest) <= over


@pytest.mark.parametrize(
    "wrong", [{"ovr": 1}, {"over": -1}, {"part": "a..b"}, {"part": "../up"}, {"part": ""}, {"part": "a/b"}]
)
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="claim_check"):
        Options.of({"claim_check": wrong})
