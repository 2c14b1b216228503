"""What one subscriber is told of the versions that its store comes across, in whatever order and however often."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from persistence.session.order import Order, Version
from persistence.session.port import SessionState
from tests.contracts.session_state.kit import assert_nothing_is_hidden


def version(number, previous, *, cleared=False):
    state = SessionState("a", "demo", None, None, number, 1, datetime.now(UTC), {}, "memory")
    return Version(number, previous, None if cleared else state)


def told(changes):
    return [(change.kind, change.version, change.previous) for change in changes]


def test_what_was_told_or_is_older_is_not_told_again():
    order = Order(None)
    assert told(order.begin(version(5, 4))) == [("state", 5, 4)]
    assert told(order.follow(version(5, 4))) == []
    assert told(order.follow(version(4, 3))) == []
    assert told(order.follow(version(6, 5))) == [("state", 6, 5)]


@pytest.mark.parametrize(
    ("after", "present", "first"),
    [
        (None, None, []),
        (None, version(5, 4), [("state", 5, 4)]),
        (None, version(5, 4, cleared=True), []),
        (5, None, []),
        (5, version(5, 4), []),
        (5, version(5, 4, cleared=True), []),
        (4, version(5, 4), [("state", 5, 4)]),
        (4, version(5, 4, cleared=True), [("cleared", 5, 4)]),
        (3, version(5, 4), [("gap", 5, 3), ("state", 5, 4)]),
        (9, version(5, 4), [("gap", 5, 9), ("state", 5, 4)]),
        (0, version(5, 4), [("gap", 5, 0), ("state", 5, 4)]),
        (0, version(5, 0), [("state", 5, 0)]),
    ],
)
def test_what_comes_first_depends_on_what_the_subscriber_has(after, present, first):
    assert told(Order(after).begin(present)) == first


@pytest.mark.parametrize("present", [None, version(5, 4), version(5, 4, cleared=True)])
def test_what_is_missed_after_the_beginning_is_a_gap(present):
    order = Order(None)
    list(order.begin(present))
    begun = 5 if present else 0
    assert told(order.follow(version(8, 7))) == [("gap", 8, begun), ("state", 8, 7)]


@rules(database=None, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=40))
def test_however_a_store_comes_across_versions_none_is_hidden(numbers):
    order, changes = Order(None), []
    changes += order.begin(version(numbers[0], numbers[0] - 1))
    for number in numbers[1:]:
        changes += order.follow(version(number, number - 1))
    assert_nothing_is_hidden(changes, list(range(1, max(numbers) + 1)))
