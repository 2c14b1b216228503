"""Whatever lies where turns should lie: it is never told as if it had been said, it is counted, and it is replaced."""

import json

import pytest

from persistence.recent.entries import TEXT, encode, entry
from persistence.turns import RecordedTurn
from tests.persistence.recent.support import (
    client,
    conversation,
    counted,
    entries,
    held_seqs,
    key,
    last,
    plain,
    tell,
)
from tests.persistence.support import conversation_of, say

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("cached")]


def forged(one: bytes, **change: object) -> bytes:
    """Change what an entry says and leave its seal."""
    row = json.loads(one[TEXT])
    for place, value in change.items():
        row[int(place.strip("_"))] = value
    return one[: TEXT.start] + json.dumps(row).encode()


def unsealed(text: bytes) -> bytes:
    """Return an entry with the third turn's place and a text that nobody sealed."""
    return entry(3, 0, b"0" * 32 + text)


POISONS = {
    "not an entry": lambda own: [b"garbage"],
    "empty": lambda own: [b""],
    "not JSON": lambda own: [*own[:-1], own[-1][:-1]],
    "JSON without a seal": lambda own: [*own[:-1], b'{"seq": 3}'],
    "another text under the seal": lambda own: [*own[:-1], forged(own[-1], _17=[{"role": "user"}])],
    "another digest under the seal": lambda own: [*own[:-1], forged(own[-1], _16="00" * 32)],
    "a list that is not one": lambda own: [*own[:-1], unsealed(b"[]")],
    "missing fields": lambda own: [*own[:-1], unsealed(b"[1,2]")],
    "no whole number as seq": lambda own: [*own[:-1], b"x" + own[-1][1:]],
    "a head from the future": lambda own: [*own, b"9" + own[-1][1:]],
    "a number without end": lambda own: [*own, b"9" * 5000],
    "a gap": lambda own: [own[0], own[2]],
    "a turn twice": lambda own: [own[0], own[1], own[1], own[2]],
    "another order": lambda own: [own[1], own[0], own[2]],
    "bytes that are no text": lambda own: [own[0], own[1], b"\xff\xfe\x00" * 10],
    "nested deeply": lambda own: [*own[:-1], unsealed(b"[" * 100_000)],
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
def test_a_poisoned_list_is_ignored_counted_and_rewritten(poison):
    found = conversation(3)
    last(found)
    with client() as own:
        true = entries(found)
        own.delete(key(found))
        own.rpush(key(found), *poison(true))
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {"poisoned": 1}
    assert entries(found) == true
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {"hit": 1}


@pytest.mark.parametrize("kind", ["string", "hash", "set"])
def test_a_key_of_another_type_is_ignored_counted_and_rewritten(kind):
    found = conversation(3)
    with client() as own:
        put = {"string": own.set, "set": own.sadd, "hash": lambda key, value: own.hset(key, value, value)}
        put[kind](key(found), "something else")
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {"poisoned": 1}
    assert held_seqs(found) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["another conversation's", "another secret's"])
def test_turns_that_were_sealed_for_something_else_are_not_told(kind, settings):
    found = conversation(2)
    if kind == "another secret's":
        last(found)
        settings.HASH_SECRET = f"2:{'n' * 32},1:{settings.HASH_SECRET}"
    else:
        other = conversation(2, session_id="other")
        last(other)
        with client() as own:
            own.rename(key(other), key(found))
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {"poisoned": 1}
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {"hit": 1}


def test_turns_from_before_the_database_was_set_back_are_not_told():
    """Same conversation, same seq, sealed by ourselves; but not the turn that Postgres has."""
    found = conversation_of(say("as it is now"))
    from_elsewhere = say("as it was once", session_id="other").stored
    with client() as own:
        own.rpush(key(found), entry(1, 0, encode(found.conversation_id, from_elsewhere)))
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {"poisoned": 1}


@pytest.mark.parametrize("poison", [b"garbage", b"%016d" % 1, b"%016dx" % 1, b"%016d" % 1 + b"9" * 400, b""])
def test_a_turn_that_is_put_behind_poison_does_not_make_it_true(poison):
    recorded: RecordedTurn = say("1")
    found = conversation_of(recorded)
    with client() as own:
        own.rpush(key(found), poison)
    found = conversation_of(tell("2"))
    with counted() as counts:
        assert last(found) == plain(found)
    assert sum(counts.values()) == 1
    assert "hit" not in counts
    assert held_seqs(found) == [1, 2]
