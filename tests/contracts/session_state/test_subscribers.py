"""What a subscriber to a session is told, whichever store it listens to."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from persistence.session.errors import StaleVersion
from persistence.session.port import Change, Subscription
from tests.contracts.session_state.kit import STORES, Told, assert_nothing_is_hidden, heard, in_threads
from tests.contracts.session_state.processes import in_processes

UPDATES = 50  # of each writer


def test_the_first_change_is_the_present_state(told: Told) -> None:
    told.put("before")
    present = told.put("present", {"a": 1})
    with told.listen() as subscription:
        [change] = heard(subscription, present.version)
    assert (change.kind, change.state) == ("state", present)


def test_who_has_the_present_state_is_told_of_the_next_one(told: Told) -> None:
    present = told.put("present")
    with told.listen(present.version) as subscription:
        assert subscription.next(0.3) is None
        after = told.put("next")
        assert heard(subscription, after.version) == [Change("state", after.version, present.version, after)]


def test_a_session_without_state_says_nothing_until_it_has_one(told: Told) -> None:
    with told.listen() as subscription:
        assert subscription.next(0.3) is None
        begun = told.touch()
        assert heard(subscription, begun.version) == [Change("state", begun.version, 0, begun)]


def test_everything_that_changes_a_state_is_told(told: Told) -> None:
    with told.listen() as subscription:
        put = told.put("one", {"a": [1, {}]})
        assert heard(subscription, put.version) == [Change("state", put.version, 0, put)]
        touched = told.touch(0.3)
        assert heard(subscription, touched.version) == [
            Change("state", touched.version, put.version, touched)
        ]
        cleared = told.clear()
        assert cleared is not None
        assert heard(subscription, cleared) == [Change("cleared", cleared, touched.version)]
        again = told.put("two")
        assert heard(subscription, again.version) == [Change("state", again.version, cleared, again)]


def test_who_comes_back_is_told_that_it_missed_something_and_then_the_present_state(told: Told) -> None:
    seen = told.put("seen")
    missed = told.put("missed")
    present = told.put("present")
    with told.listen(seen.version) as subscription:
        assert heard(subscription, present.version) == [
            Change("gap", present.version, seen.version),
            Change("state", present.version, missed.version, present),
        ]


def test_who_missed_one_version_alone_is_told_that_one(told: Told) -> None:
    seen = told.put("seen")
    present = told.put("present")
    with told.listen(seen.version) as subscription:
        assert heard(subscription, present.version) == [
            Change("state", present.version, seen.version, present)
        ]


def test_who_comes_back_is_told_of_a_clearing(told: Told) -> None:
    seen = told.put("seen")
    cleared = told.clear()
    assert cleared is not None
    with told.listen(seen.version) as subscription:
        assert heard(subscription, cleared) == [Change("cleared", cleared, seen.version)]


def test_who_is_new_is_not_told_of_what_is_gone(told: Told) -> None:
    told.put()
    cleared = told.clear()
    with told.listen() as subscription:
        assert subscription.next(0.3) is None
        begun = told.put()
    assert begun.version > (cleared or 0)


def test_a_version_that_never_was_does_not_make_a_subscriber_deaf(told: Told) -> None:
    present = told.put("present")
    with told.listen(present.version + 10**9) as subscription:
        changes = heard(subscription, present.version)
    assert [change.kind for change in changes] == ["gap", "state"]
    assert changes[-1].state == present


def test_subscribers_hear_only_of_their_own_session_and_each_of_everything(told: Told) -> None:
    other = Told(told.store)
    with told.listen() as first, told.listen() as second, other.listen() as elsewhere:
        put = told.put()
        assert heard(first, put.version) == heard(second, put.version)
        assert elsewhere.next(0.3) is None


def test_a_refused_change_is_not_told(told: Told) -> None:
    present = told.put()
    with told.listen(present.version) as subscription:
        with pytest.raises(StaleVersion):
            told.put(expected_version=1)
        with pytest.raises(StaleVersion):
            told.clear(expected_version=1)
        assert subscription.next(0.3) is None


def test_among_many_writers_every_version_is_told_in_order_or_marked_as_missed(told: Told) -> None:
    first = told.put()
    with told.listen() as subscription, ThreadPoolExecutor(1) as beside:
        writing = beside.submit(in_threads, 4, lambda _: write_many(told))
        changes, written = heard_while(subscription, writing)
    assert_nothing_is_hidden(changes, [first.version, *written])


def test_a_subscriber_hears_what_other_processes_write(shared: str) -> None:
    told = Told(STORES[shared]())
    first = told.put()
    with told.listen() as subscription, ThreadPoolExecutor(1) as beside:
        writing = beside.submit(in_processes, 2, write_many_to, shared, told.session)
        changes, written = heard_while(subscription, writing)
    assert_nothing_is_hidden(changes, [first.version, *written])


def write_many(told: Told) -> list[int]:
    return [told.put(data={"n": number}).version for number in range(UPDATES)]


def write_many_to(store: str, session: str) -> list[int]:
    return write_many(Told(STORES[store](), session))


def heard_while(
    subscription: Subscription, writing: Future[list[list[int]]], patience: float = 60
) -> tuple[list[Change], list[int]]:
    """Return what is told until all that was written has been, and the versions that were written, in order."""
    ends_at = time.monotonic() + patience
    changes: list[Change] = []
    written: list[int] = []
    while not (written and changes and changes[-1].kind == "state" and changes[-1].version == written[-1]):
        assert time.monotonic() < ends_at, f"{changes[-1:]} is the last that was told, not {written[-1:]}"
        if (change := subscription.next(0.3)) is not None:
            changes.append(change)
        if not written and writing.done():
            written = sorted(version for each in writing.result() for version in each)
    return changes, written
