"""The one contract of every store of session state: what ``persistence/session/port.py`` says, sentence by sentence."""

import time
import uuid
from typing import Any

import pytest

from persistence.session.errors import IllegalTransition, StaleVersion
from persistence.session.port import MUST_NOT_EXIST
from tests.contracts.session_state.kit import (
    DOMAIN,
    FORGETFUL,
    LIVE,
    Told,
    heard,
    sessions_of,
    until_gone,
)

AWKWARD = {
    "empty": {},
    "list": [],
    "nested": {"a": [{"b": []}, [[]], {}]},
    "": "an empty key",
    "quotes": 'say "hello" \\ and \n\t\u2028',
    "words": "ünï/cødé 日本語 😀 \x7f",
    "numbers": [0, -1, 2**53 + 1, 2**64, 10**40, 0.1, 1e-7, 123456.789, -0.5],
    "truth": [True, False, None],
    "null": None,
    "looks like redis": "*1\r\n$4\r\nPING\r\n",
    "looks like sql": "'; DROP TABLE persistence_turn; -- %s %(x)s",
}


# --- What a state is ---------------------------------------------------------------------------------------


def test_a_session_that_nobody_spoke_of_has_no_state(told: Told) -> None:
    assert told.get() is None


def test_what_was_put_is_what_is_got(told: Told) -> None:
    turn_id = uuid.uuid4()
    put = told.put("running", {"step": 3}, confidence=0.75, turn_id=turn_id, redaction_version=7)
    assert told.get() == put
    assert (put.state, put.domain, put.data) == ("running", DOMAIN, {"step": 3})
    assert (put.confidence, put.turn_id, put.redaction_version) == (0.75, turn_id, 7)
    assert put.updated_at.tzinfo is not None
    assert put.kept_in in ("memory", "postgres", "redis")


@pytest.mark.parametrize("data", [AWKWARD, {}, {"long": "ü" * 8000}], ids=["awkward", "empty", "long"])
def test_data_comes_back_as_it_went_in(told: Told, data: dict[str, Any]) -> None:
    assert told.put(data=data).data == data
    found = told.get()
    assert found is not None
    assert found.data == data
    assert told.touch().data == data


def test_what_a_caller_does_with_its_data_later_changes_nothing(told: Told) -> None:
    data = {"steps": [1]}
    put = told.put(data=data)
    data["steps"].append(2)
    put.data["steps"].append(3)
    found = told.get()
    assert found is not None
    assert found.data == {"steps": [1]}


def test_sessions_do_not_meet(told: Told) -> None:
    other = Told(told.store)
    mine = told.put("mine")
    theirs = other.put("theirs")
    other.clear()
    assert told.get() == mine
    assert theirs.state == "theirs"


# --- Versions ----------------------------------------------------------------------------------------------


def test_a_version_is_the_milliseconds_since_1970(told: Told) -> None:
    before = time.time_ns() // 1_000_000
    version = told.put().version
    assert before <= version <= time.time_ns() // 1_000_000


def test_versions_only_grow_however_fast_they_are_written(told: Told) -> None:
    versions = [told.put().version if number % 2 else told.touch().version for number in range(40)]
    assert versions == sorted(set(versions))


def test_versions_grow_over_a_clearing(told: Told) -> None:
    put = told.put().version
    cleared = told.clear()
    assert cleared is not None
    assert put < cleared < told.put().version


def test_versions_grow_over_the_end_of_a_states_time(told: Told) -> None:
    before = told.put(ttl=1).version
    until_gone(told)
    assert told.put().version > before


# --- put ---------------------------------------------------------------------------------------------------


def test_a_put_without_a_turns_facts_keeps_those_of_the_last_turn(told: Told) -> None:
    turn = told.touch(0.25)
    put = told.put("paused", {"a": 1})
    assert (put.confidence, put.turn_id) == (0.25, turn.turn_id)
    assert told.put(confidence=0.0).confidence == 0.0
    assert told.get() is not None


def test_a_put_that_knows_the_present_version_is_kept(told: Told) -> None:
    version = told.put(data={"n": 1}).version
    assert told.put(data={"n": 2}, expected_version=version).data == {"n": 2}


def test_a_put_that_knows_an_old_version_is_refused_with_the_present_state_and_changes_nothing(
    told: Told,
) -> None:
    old = told.put(data={"n": 1})
    present = told.put(data={"n": 2})
    with pytest.raises(StaleVersion) as refused:
        told.put(data={"n": 3}, expected_version=old.version)
    assert refused.value.state == present
    assert told.get() == present


@pytest.mark.parametrize("off_by", [-1, 1, 10**6])
def test_a_version_that_the_state_never_had_is_refused(told: Told, off_by: int) -> None:
    present = told.put()
    with pytest.raises(StaleVersion):
        told.put(expected_version=present.version + off_by)
    assert told.get() == present


def test_a_version_of_a_state_that_is_not_there_is_refused(told: Told) -> None:
    with pytest.raises(StaleVersion) as refused:
        told.put(expected_version=time.time_ns() // 1_000_000)
    assert refused.value.state is None
    assert told.get() is None


def test_a_state_that_must_not_exist_is_begun_once(told: Told) -> None:
    begun = told.put(expected_version=MUST_NOT_EXIST)
    with pytest.raises(StaleVersion) as refused:
        told.put("other", expected_version=MUST_NOT_EXIST)
    assert refused.value.state == begun
    assert told.get() == begun


def test_a_cleared_state_does_not_exist(told: Told) -> None:
    put = told.put(confidence=0.5)
    cleared = told.clear()
    for version in (put.version, cleared):
        with pytest.raises(StaleVersion) as refused:
            told.put(expected_version=version)
        assert refused.value.state is None
    begun = told.put("again", expected_version=MUST_NOT_EXIST)
    assert (begun.confidence, begun.turn_id) == (None, None)


def test_a_state_whose_time_has_passed_does_not_exist(told: Told) -> None:
    put = told.put(ttl=1, confidence=0.5)
    until_gone(told)
    with pytest.raises(StaleVersion) as refused:
        told.put(expected_version=put.version)
    assert refused.value.state is None
    assert told.put(expected_version=MUST_NOT_EXIST).confidence is None


# --- The lifecycle -----------------------------------------------------------------------------------------


def test_a_step_that_the_lifecycle_has_is_made(told: Told) -> None:
    told.put("running", allowed_from=LIVE)
    assert told.put("completed", allowed_from=frozenset({"running"}), may_begin=False).state == "completed"


def test_a_step_that_the_lifecycle_does_not_have_is_refused_with_the_present_state_and_changes_nothing(
    told: Told,
) -> None:
    present = told.put("completed")
    with pytest.raises(IllegalTransition) as refused:
        told.put("running", allowed_from=LIVE)
    assert refused.value.state == present
    assert told.get() == present
    with pytest.raises(IllegalTransition):
        told.put("running", allowed_from=frozenset())


def test_a_session_does_not_begin_where_the_lifecycle_does_not(told: Told) -> None:
    for _ in ("nothing was ever there", "it was cleared"):
        with pytest.raises(IllegalTransition) as refused:
            told.put("paused", allowed_from=frozenset({"running"}), may_begin=False)
        assert refused.value.state is None
        assert told.get() is None
        told.put()
        told.clear()


def test_who_knows_an_old_version_hears_of_that_before_any_lifecycle(told: Told) -> None:
    told.put("completed")
    with pytest.raises(StaleVersion):
        told.put("running", allowed_from=LIVE, expected_version=MUST_NOT_EXIST)


# --- touch -------------------------------------------------------------------------------------------------


def test_a_turn_begins_the_state_of_a_session_that_had_none(told: Told) -> None:
    state = told.touch(0.5, initial="running")
    assert (state.state, state.data, state.confidence) == ("running", {}, 0.5)
    assert told.get() == state


def test_a_turn_leaves_its_facts_and_keeps_state_and_data(told: Told) -> None:
    before = told.put("paused", {"a": 1}, confidence=0.9)
    after = told.touch(0.1, initial="running")
    assert (after.state, after.data, after.confidence) == ("paused", {"a": 1}, 0.1)
    assert after.turn_id is not None
    assert after.version > before.version
    assert told.touch(None).confidence is None
    assert told.get() is not None


def test_a_turn_after_a_clearing_begins_anew(told: Told) -> None:
    told.put("paused", {"a": 1})
    told.clear()
    state = told.touch(initial="running")
    assert (state.state, state.data) == ("running", {})


def test_a_turn_begins_the_time_to_live_anew(told: Told) -> None:
    other = Told(told.store)
    told.put("kept", ttl=1)
    told.touch(ttl=60)
    other.put("gone", ttl=1)
    until_gone(other)
    found = told.get()
    assert found is not None
    assert found.state == "kept"


# --- clear and forget --------------------------------------------------------------------------------------


def test_a_cleared_state_is_gone(told: Told) -> None:
    told.put()
    assert told.clear() is not None
    assert told.get() is None


def test_clearing_what_is_not_there_says_so(told: Told) -> None:
    assert told.clear() is None
    told.put()
    told.clear()
    assert told.clear() is None


def test_a_clearing_that_knows_an_old_version_is_refused_and_changes_nothing(told: Told) -> None:
    old = told.put()
    present = told.put("present")
    with pytest.raises(StaleVersion) as refused:
        told.clear(expected_version=old.version)
    assert refused.value.state == present
    assert told.get() == present
    assert told.clear(expected_version=present.version) is not None


def test_a_clearing_that_expects_a_state_where_there_is_none_is_refused(told: Told) -> None:
    with pytest.raises(StaleVersion) as refused:
        told.clear(expected_version=5)
    assert refused.value.state is None


@pytest.mark.parametrize("told", FORGETFUL, indirect=True)
def test_what_is_forgotten_leaves_no_trace(told: Told) -> None:
    cleared, bystander, unknown = Told(told.store), Told(told.store), Told(told.store)
    told.put(data={"a": 1})
    cleared.put()
    cleared.clear()
    kept = bystander.put()
    assert told.store.forget(sessions_of(told, cleared, unknown)) == 2  # type: ignore[attr-defined]
    assert told.get() is None
    assert bystander.get() == kept
    with told.listen() as subscription:
        begun = told.put(expected_version=MUST_NOT_EXIST)
        assert [change.previous for change in heard(subscription, begun.version)] == [0]
