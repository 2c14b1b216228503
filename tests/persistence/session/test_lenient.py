"""Postgres in the place of a store that is out: what it has no row of is unknown, and not nothing."""

import time

import pytest

from persistence.session.errors import IllegalTransition, StaleVersion
from persistence.session.port import MUST_NOT_EXIST
from persistence.session.postgres import PostgresStore
from tests.contracts.session_state.kit import LIVE, Told
from tests.persistence.session.postgreskit import expire, row_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told():
    return Told(PostgresStore(lenient=True))


def strict(told):
    """The same session at level 0."""
    return Told(PostgresStore(), told.session)


def now_ms():
    return time.time_ns() // 1_000_000


def test_what_it_writes_is_marked_to_be_told_to_redis(told):
    told.put()
    assert row_of(told).unhealed
    other = strict(told)
    other.put()
    assert row_of(told).unhealed, "level 0 must not hide what Redis has not been told"
    own = Told(PostgresStore())
    own.put()
    assert not row_of(own).unhealed


def test_a_version_that_it_has_never_seen_is_believed_and_followed(told):
    seen = now_ms() + 5_000
    kept = told.put(expected_version=seen)
    assert kept.version == seen + 1
    assert row_of(told).previous == seen


def test_a_version_older_than_its_own_is_refused_with_its_own(told):
    old = told.put()
    present = told.put("present")
    for expected in (old.version, MUST_NOT_EXIST):
        with pytest.raises(StaleVersion) as refused:
            told.put(expected_version=expected)
        assert refused.value.state == present
    with pytest.raises(StaleVersion):
        told.clear(expected_version=old.version)
    assert told.put(expected_version=present.version).version > present.version


def test_a_version_newer_than_its_own_is_believed(told):
    present = told.put()
    kept = told.put("newer", expected_version=present.version + 10_000)
    assert kept.version == present.version + 10_001
    assert row_of(told).previous == present.version + 10_000


def test_that_there_must_be_none_is_believed_where_it_knows_of_none(told):
    assert told.put(expected_version=MUST_NOT_EXIST).state == "active"


def test_a_version_from_before_a_clearing_is_refused(told):
    put = told.put()
    cleared = told.clear()
    for expected in (put.version, cleared):
        with pytest.raises(StaleVersion) as refused:
            told.put(expected_version=expected)
        assert refused.value.state is None
    assert told.put(expected_version=MUST_NOT_EXIST).version > cleared


def test_a_version_of_a_state_whose_time_has_passed_is_refused(told):
    put = told.put()
    expire(told)
    with pytest.raises(StaleVersion):
        told.put(expected_version=put.version)
    assert told.put(expected_version=put.version + 1).version > put.version + 1


def test_a_step_is_refused_only_from_a_state_that_it_knows_to_be_the_present_one(told):
    nowhere = {"allowed_from": frozenset({"running"}), "may_begin": False}
    assert told.put("completed", **nowhere).state == "completed"
    with pytest.raises(IllegalTransition) as refused:
        told.put("running", allowed_from=LIVE)
    assert refused.value.state.state == "completed"
    newer = refused.value.state.version + 1
    assert told.put("running", allowed_from=LIVE, expected_version=newer).state == "running"


def test_after_a_clearing_that_it_knows_of_a_session_does_not_begin_in_the_middle(told):
    told.put()
    told.clear()
    with pytest.raises(IllegalTransition):
        told.put("paused", allowed_from=frozenset({"running"}), may_begin=False)


def test_a_turn_moves_only_what_it_knows(told):
    assert told.try_to_touch() is None
    assert told.get() is None
    told.put("kept", {"a": 1})
    touched = told.touch(0.25)
    assert (touched.state, touched.data, touched.confidence) == ("kept", {"a": 1}, 0.25)
    assert row_of(told).unhealed
    expire(told)
    assert told.try_to_touch() is None


def test_a_turn_after_a_clearing_that_it_knows_of_begins_anew(told):
    told.put(data={"a": 1})
    told.clear()
    assert told.touch(initial="running").data == {}


def test_a_clearing_of_what_it_does_not_know_is_noted(told):
    version = told.clear()
    assert version is not None
    row = row_of(told)
    assert (row.cleared, row.unhealed, row.version) == (True, True, version)
    assert told.clear() is None, "now it knows that there is none"
    expire(told)
    assert told.clear() > version


def test_a_clearing_of_a_version_that_it_has_never_seen_is_noted_above_it(told):
    seen = now_ms() + 5_000
    assert told.clear(expected_version=seen) == seen + 1
    assert told.clear(expected_version=seen + 9) == seen + 10
