"""What is particular to session state in memory: it is bounded, and its clock may be set back."""

import time
from types import SimpleNamespace

import pytest

from persistence.session import memory
from persistence.session.memory import MAX_UNHEARD, MemoryStore
from persistence.session.port import Change
from tests.contracts.session_state.kit import Told, heard


@pytest.fixture
def clocks(monkeypatch):
    """The clocks that the store reads, to be set."""
    told = SimpleNamespace(monotonic=1000.0, milliseconds=1_700_000_000_000)
    clock = SimpleNamespace(monotonic=lambda: told.monotonic, time_ns=lambda: told.milliseconds * 1_000_000)
    monkeypatch.setattr(memory, "time", clock)
    return told


def test_beyond_its_bound_the_longest_untouched_session_gives_way():
    store = MemoryStore(max_sessions=3)
    first, second, third, fourth = (Told(store) for _ in range(4))
    for told in (first, second, third):
        told.put()
    first.touch()
    fourth.put()
    assert [told.get() is not None for told in (first, second, third, fourth)] == [True, False, True, True]


def test_what_has_expired_gives_way_before_what_lives():
    store = MemoryStore(max_sessions=2)
    kept, gone, new = (Told(store) for _ in range(3))
    gone.put(ttl=1)
    kept.put(ttl=60)
    time.sleep(1.05)
    new.put()
    assert [told.get() is not None for told in (kept, gone, new)] == [True, False, True]


def test_a_state_lives_until_its_time_has_passed_and_no_longer(clocks):
    told = Told(MemoryStore())
    told.put(ttl=45)
    clocks.monotonic += 44.9
    assert told.get() is not None
    clocks.monotonic += 0.2
    assert told.get() is None


def test_a_clock_that_is_set_back_gives_no_version_twice(clocks):
    told = Told(MemoryStore())
    versions = [told.put().version]
    clocks.milliseconds -= 3_600_000
    versions += [told.put().version, told.touch().version, told.clear(), told.put().version]
    assert versions == sorted(set(versions))


@pytest.mark.parametrize("way", ["evicted", "expired", "forgotten"])
def test_a_session_that_was_let_go_comes_back_with_a_higher_version(clocks, way):
    store = MemoryStore(max_sessions=1)
    told = Told(store)
    before = told.put(ttl=10).version
    clocks.milliseconds -= 3_600_000
    if way == "evicted":
        Told(store).put()
    elif way == "expired":
        clocks.monotonic += 11
    else:
        store.forget(iter([told.name]))
    assert told.get() is None
    assert told.put().version > before


def test_a_subscriber_that_does_not_listen_is_told_of_a_gap_and_then_of_what_it_can_still_hear():
    told = Told(MemoryStore())
    with told.listen() as subscription:
        written = [told.put(data={"n": number}).version for number in range(MAX_UNHEARD + 10)]
        changes = heard(subscription, written[-1])
    assert changes[0] == Change("gap", written[10], 0)
    assert [change.version for change in changes[1:]] == written[10:]


def test_a_subscriber_that_has_gone_is_not_kept():
    store = MemoryStore()
    told = Told(store)
    with told.listen() as subscription:
        told.put()
        assert subscription.next(0) is not None
    told.put()
    assert subscription.next(0) is None
    assert not store._listeners
