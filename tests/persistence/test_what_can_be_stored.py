"""What cannot be stored is refused by name; what can comes back as it was."""

import pytest

from persistence.archive.rows import turns_by_id
from persistence.errors import InvalidTurn
from persistence.history import history
from persistence.models import Conversation
from tests.persistence.support import conversation_of, say

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 51}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "a\x00b"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "\ud83d"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "é" * 40_000}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": "x", "extra": {"a": float("nan")}}]},
            "messages[0].extra.a",
        ),
        ({"messages": ["x"]}, "messages[0]"),
        ({"session_id": ""}, "session_id"),
        ({"session_id": "a\x00"}, "session_id"),
        ({"request_id": "x" * 201}, "request_id"),
        ({"channel": "../../etc"}, "channel"),
        ({"channel": "web\n"}, "channel"),
        ({"confidence": 1.5}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"tokens_in": "12"}, "tokens_in"),
        ({"tokens_in": True}, "tokens_in"),
        ({"expected_seq": -1}, "expected_seq"),
        ({"expected_seq": 2**80}, "expected_seq"),
        ({"metadata": {"a": float("inf")}}, "metadata.a"),
        ({"metadata": {"a": {"b\x00": 1}}}, "metadata.a.'b\\x00'"),
        ({"metadata": {"a": 2**2000}}, "metadata.a"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": object()}}, "metadata.a"),
        ({"metadata": {1: 2}}, "metadata"),
        ({"surprise": 1}, "surprise"),
        ({"references": ["x" * 300_000]}, "body"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_the_name_of_its_field(given, field):
    with pytest.raises(InvalidTurn) as refused:
        say(**given)
    assert any(error.field.startswith(field) for error in refused.value.errors), refused.value.errors
    assert not Conversation.objects.exists()


@pytest.mark.parametrize(
    "number", [1e300, -0.0, 1e16, 1e22, 1.5, 123456789012345678901234567890, 5e-324, 0.1 + 0.2, 1.0, -7]
)
def test_numbers_in_metadata_come_back_with_their_value_and_keep_their_digest(number, archive):
    turn = say(metadata={"n": number})
    (found,) = history(conversation_of(turn))
    assert found.metadata["n"] == number
    assert turns_by_id([str(turn.turn_id)])[str(turn.turn_id)].fault() is None


def test_deep_metadata_is_refused_and_bounded_depth_is_kept():
    def nested(depth):
        value: object = "x"
        for _ in range(depth):
            value = [value]
        return {"a": value}

    assert say(metadata=nested(30)).seq == 1
    with pytest.raises(InvalidTurn, match="nested deeper"):
        say(metadata=nested(40))
