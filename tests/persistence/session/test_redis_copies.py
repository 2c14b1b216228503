"""What another store kept goes into Redis wherever it is newer, and nowhere else."""

from persistence.session.redis import state_key
from tests.persistence.session.rediskit import LONG, copy_of


def test_a_newer_copy_is_taken_over_and_told(told, raw):
    kept = told.put()
    copy = copy_of(told, kept.version + 5)
    with told.store.subscribe(*told.name, after_version=kept.version) as heard:
        assert told.store.adopt([copy]) == 1
        change = heard.next(LONG)
    assert told.get() == copy.state
    assert (change.kind, change.version, change.previous, change.state) == (
        "state",
        copy.version,
        kept.version,
        copy.state,
    )
    assert 0 < raw.ttl(state_key(*told.name)) <= 60


def test_an_older_copy_is_not(told):
    kept = told.put()
    assert told.store.adopt([copy_of(told, kept.version), copy_of(told, kept.version - 1)]) == 0
    assert told.get() == kept


def test_an_older_copy_does_not_come_back_after_a_clearing(told):
    kept = told.put()
    told.clear()
    assert told.store.adopt([copy_of(told, kept.version)]) == 0
    assert told.get() is None


def test_a_clearing_elsewhere_clears_here(told):
    kept = told.put()
    assert told.store.adopt([copy_of(told, kept.version + 5, cleared=True)]) == 1
    assert told.get() is None
    assert told.put().version > kept.version + 5


def test_a_copy_whose_time_has_passed_is_left(told):
    assert told.store.adopt([copy_of(told, 5, seconds=-1)]) == 0
    assert told.get() is None


def test_a_copy_may_be_taken_over_twice(told):
    copy = copy_of(told, 1_800_000_000_000)
    assert [told.store.adopt([copy]) for _ in range(2)] == [1, 0]
