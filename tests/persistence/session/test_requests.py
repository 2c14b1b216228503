"""What may be sent as session state; what may not is refused by the name of its field."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from persistence.errors import InvalidTurn
from persistence.jsontext import dumps
from persistence.session.requests import (
    MAX_DATA_BYTES,
    MAX_TTL_SECONDS,
    MAX_VERSION,
    check_bounds,
    check_session,
    state_request,
)

TURN = str(uuid.uuid4())


def nested(levels, innermost=None):
    value = innermost
    for number in range(levels):
        value = {"a": value} if number % 2 else [value]
    return value


def refused(work):
    with pytest.raises(InvalidTurn) as error:
        work()
    assert str(error.value).startswith("Nothing was stored.")
    return {found.field.split("[")[0].split(".")[0] for found in error.value.errors}


def test_a_state_alone_is_enough():
    request = state_request({"state": "active"})
    assert (request.state, request.data, request.confidence, request.turn_id) == ("active", {}, None, None)


def test_everything_that_may_be_said_of_a_state_is_taken():
    request = state_request({"state": "step:2.b_c-d", "data": {"n": 1}, "confidence": 1, "turn_id": TURN})
    assert (request.state, request.data, request.confidence) == ("step:2.b_c-d", {"n": 1}, 1)
    assert str(request.turn_id) == TURN
    assert state_request(request) is request


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "state"),
        ({"state": ""}, "state"),
        ({"state": "x" * 65}, "state"),
        ({"state": "two words"}, "state"),
        ({"state": "new\nline"}, "state"),
        ({"state": "trailing\n"}, "state"),
        ({"state": "nul\0"}, "state"),
        ({"state": "lone\ud800"}, "state"),
        ({"state": 5}, "state"),
        ({"state": "a", "data": []}, "data"),
        ({"state": "a", "data": None}, "data"),
        ({"state": "a", "data": "{}"}, "data"),
        ({"state": "a", "data": {"text": "nul\0"}}, "data"),
        ({"state": "a", "data": {"nul\0": 1}}, "data"),
        ({"state": "a", "data": {"text": "lone\udfff"}}, "data"),
        ({"state": "a", "data": {"n": float("nan")}}, "data"),
        ({"state": "a", "data": {"n": float("-inf")}}, "data"),
        ({"state": "a", "data": {"n": 2**1025}}, "data"),
        ({"state": "a", "data": {1: "one"}}, "data"),
        ({"state": "a", "data": {"when": uuid.uuid4()}}, "data"),
        ({"state": "a", "data": {"a": nested(8, "x")}}, "data"),
        ({"state": "a", "data": {"a": nested(500)}}, "data"),
        ({"state": "a", "data": {"a": "x" * MAX_DATA_BYTES}}, "data"),
        ({"state": "a", "data": {"a": "ü" * (MAX_DATA_BYTES // 2)}}, "data"),
        ({"state": "a", "confidence": 1.01}, "confidence"),
        ({"state": "a", "confidence": -0.01}, "confidence"),
        ({"state": "a", "confidence": float("nan")}, "confidence"),
        ({"state": "a", "confidence": "0.5"}, "confidence"),
        ({"state": "a", "confidence": True}, "confidence"),
        ({"state": "a", "turn_id": "not-a-uuid"}, "turn_id"),
        ({"state": "a", "turn_id": 5}, "turn_id"),
        ({"state": "a", "version": 3}, "version"),
        ([], "body"),
        ("active", "body"),
        (None, "body"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_the_name_of_its_field(wrong, field):
    assert refused(lambda: state_request(wrong)) == {field}


def test_every_wrong_field_is_named_at_once():
    assert refused(lambda: state_request({"state": "", "confidence": 2, "data": 1})) == {
        "state",
        "confidence",
        "data",
    }


def test_data_of_exactly_the_greatest_size_and_depth_is_taken():
    room = MAX_DATA_BYTES - len(dumps({"a": ""}))
    assert state_request({"state": "a", "data": {"a": "x" * room}}).data == {"a": "x" * room}
    assert refused(lambda: state_request({"state": "a", "data": {"a": "x" * (room + 1)}})) == {"data"}
    deepest = {"a": nested(7, "x")}
    assert state_request({"state": "a", "data": deepest}).data == deepest


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=30,
)


@rules(database=None, deadline=None)
@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_data_is_taken_as_json_that_equals_it_or_refused(data):
    try:
        taken = state_request({"state": "a", "data": data}).data
    except InvalidTurn:
        return
    assert taken == data
    assert json.loads(dumps(taken)) == data


@rules(database=None, deadline=None)
@given(json_values)
def test_whatever_is_sent_is_taken_or_refused(anything):
    for body in (
        anything,
        {"state": "a", "data": anything},
        {"state": anything},
        {"state": "a", "turn_id": anything},
    ):
        try:
            state_request(body)
        except InvalidTurn as error:
            assert error.errors


@pytest.mark.parametrize(
    "session_id", ["s", "x" * 512, "../../etc/passwd", "a/b c%00", "日本語", "{x}:y", "*", " "]
)
def test_a_session_may_be_called_anything_that_is_text(session_id):
    check_session("demo", "web", session_id)


@pytest.mark.parametrize(
    ("domain", "channel", "session_id", "field"),
    [
        ("demo", "web", "", "session_id"),
        ("demo", "web", "x" * 513, "session_id"),
        ("demo", "web", "nul\0", "session_id"),
        ("demo", "web", "lone\ud800", "session_id"),
        ("demo", "web", 5, "session_id"),
        ("demo", "", "s", "channel"),
        ("demo", "x" * 65, "s", "channel"),
        ("demo", "two words", "s", "channel"),
        ("demo", "web\n", "s", "channel"),
        ("demo", "a/b", "s", "channel"),
        ("demo", None, "s", "channel"),
        ("", "web", "s", "domain"),
        ("demo}", "web", "s", "domain"),
        ("Demo", "web", "s", "domain"),
        ("demo\n", "web", "s", "domain"),
    ],
)
def test_what_cannot_name_a_session_is_refused(domain, channel, session_id, field):
    assert refused(lambda: check_session(domain, channel, session_id)) == {field}


@pytest.mark.parametrize("version", [-1, MAX_VERSION + 1, True, 1.0, "3"])
def test_what_cannot_be_a_version_is_refused(version):
    assert refused(lambda: check_bounds(expected_version=version, ttl=None)) == {"expected_version"}


@pytest.mark.parametrize("ttl", [0, -1, MAX_TTL_SECONDS + 1, True, 60.0, "60"])
def test_a_time_to_live_that_nothing_is_kept_for_is_refused(ttl):
    assert refused(lambda: check_bounds(expected_version=None, ttl=ttl)) == {"ttl"}


def test_the_bounds_themselves_are_taken():
    check_bounds(expected_version=0, ttl=1)
    check_bounds(expected_version=MAX_VERSION, ttl=MAX_TTL_SECONDS)
    check_bounds(expected_version=None, ttl=None)
