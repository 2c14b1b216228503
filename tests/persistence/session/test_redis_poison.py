"""A key in Redis that holds what no state can be is ignored, and rewritten by whatever writes next."""

from typing import Any

import pytest

from persistence.session.errors import StaleVersion
from persistence.session.port import MUST_NOT_EXIST
from persistence.session.redis import state_key
from tests.persistence.session.rediskit import copy_of

SOUND = {
    "version": "1700000000000",
    "previous": "0",
    "state": "active",
    "confidence": "0.5",
    "turn_id": "",
    "redaction_version": "1",
    "updated_at": "1700000000000",
    "data": "{}",
    "cleared": "0",
}
POISON: dict[str, Any] = {
    "a text": "text",
    "a list": ["one"],
    "nothing that we know": {"colour": "green"},
    "no cleared": {name: value for name, value in SOUND.items() if name != "cleared"},
    "no data": {name: value for name, value in SOUND.items() if name != "data"},
    "no state": SOUND | {"state": ""},
    "a version that is none": SOUND | {"version": "many"},
    "a version beyond all numbers": SOUND | {"version": "9" * 400},
    "a version below nothing": SOUND | {"version": "-5"},
    "data that is no JSON": SOUND | {"data": "{'single': quotes}"},
    "data that is no object": SOUND | {"data": "[1, 2]"},
    "data nested without end": SOUND | {"data": '{"a":' * 100_000},
    "bytes that are no text": SOUND | {"state": b"\xff\xfe"},
    "a confidence that is none": SOUND | {"confidence": "high"},
    "a turn that is none": SOUND | {"turn_id": "the last one"},
    "a time that never was": SOUND | {"updated_at": "9" * 15},
}


@pytest.fixture(params=POISON)
def poisoned(request, told, raw):
    """A session whose key holds something that no state can be."""
    key, poison = state_key(*told.name), POISON[request.param]
    match poison:
        case str():
            raw.set(key, poison)
        case list():
            raw.rpush(key, *poison)
        case dict():
            raw.hset(key, mapping=poison)
    return told


def test_a_poisoned_key_counts_as_absent(poisoned):
    assert poisoned.get() is None


def test_a_put_overwrites_a_poisoned_key(poisoned):
    kept = poisoned.put("running", {"step": 1})
    assert poisoned.get() == kept
    assert poisoned.get().data == {"step": 1}


def test_a_new_state_may_begin_where_a_poisoned_key_is(poisoned):
    kept = poisoned.put("running", {"step": 1}, expected_version=MUST_NOT_EXIST)
    assert poisoned.get() == kept


def test_a_poisoned_version_is_nobodys_to_expect(poisoned):
    with pytest.raises(StaleVersion) as caught:
        poisoned.put(expected_version=7)
    assert caught.value.state is None


def test_a_turn_overwrites_a_poisoned_key(poisoned):
    touched = poisoned.touch(0.25, initial="running")
    assert (touched.state, touched.data, touched.confidence) == ("running", {}, 0.25)
    assert poisoned.get() == touched


def test_a_poisoned_key_can_be_healed_over(poisoned):
    copy = copy_of(poisoned, 1_800_000_000_000)
    assert poisoned.store.adopt([copy]) == 1
    assert poisoned.get() == copy.state
