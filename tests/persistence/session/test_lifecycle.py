"""The lifecycle as data: which states follow which, for the domains that use it."""

import itertools

import pytest

from persistence.errors import InvalidTurn
from persistence.session.lifecycle import initial_state, way_to

STEPS = {
    ("pending", "running"),
    ("pending", "cancelled"),
    ("pending", "expired"),
    ("running", "paused"),
    ("running", "completed"),
    ("running", "cancelled"),
    ("running", "expired"),
    ("paused", "running"),
    ("paused", "cancelled"),
    ("paused", "expired"),
}
LIVE = ("pending", "running", "paused")
STATES = (*LIVE, "completed", "cancelled", "expired")


@pytest.fixture(autouse=True)
def lifecycle(settings):
    settings.SESSION_LIFECYCLE_DOMAINS = ["demo"]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(STATES, STATES)))
def test_only_the_steps_of_the_lifecycle_are_allowed_and_staying_while_live(before, after):
    allowed_from, _ = way_to("demo", after)
    assert (before in allowed_from) == ((before, after) in STEPS or (before == after and before in LIVE))


def test_a_session_begins_pending_or_running():
    assert [state for state in STATES if way_to("demo", state)[1]] == ["pending", "running"]


def test_a_state_that_the_lifecycle_does_not_have_is_refused_by_name():
    with pytest.raises(InvalidTurn) as refused:
        way_to("demo", "active")
    assert [error.field for error in refused.value.errors] == ["state"]


def test_other_domains_name_their_states_as_they_like():
    assert way_to("other", "asked-for-the-order-number") == (None, True)


def test_a_turn_begins_a_session_running_or_active():
    assert (initial_state("demo"), initial_state("other")) == ("running", "active")
