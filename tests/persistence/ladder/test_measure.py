"""What a process adds up in memory."""

import json
import os
import threading

import pytest

from persistence.ladder import measure
from persistence.ladder.histogram import BOUNDS, LONGEST, bucket, quantile
from persistence.ladder.measure import observe, timed


def times(kind: str) -> int:
    kinds, _ = measure.take()
    return sum(kinds[kind][1].values())


def test_a_block_is_timed_when_it_succeeds():
    with timed("turn"):
        pass
    assert times("turn") == 1


def test_a_block_that_fails_is_not_counted():
    with pytest.raises(KeyError), timed("turn"):
        raise KeyError
    assert times("turn") == 0


def test_a_block_that_returns_is_counted():
    def work():
        with timed("history"):
            return "page"

    assert work() == "page"
    assert times("history") == 1


def test_what_was_taken_is_not_taken_again():
    observe("cache", 0.001)
    measure.count("breaker_opened")
    kinds, events = measure.take()
    assert kinds["cache"] == (0.001, {bucket(0.001): 1})
    assert events == {"breaker_opened": 1}
    kinds, events = measure.take()
    assert kinds["cache"] == (0.0, {})
    assert not events


def test_a_kind_that_nobody_knows_is_a_defect():
    with pytest.raises(KeyError):
        observe("lunch", 1)


def test_threads_lose_no_measurement_while_another_takes_them():
    done = threading.Event()
    seen = []

    def work():
        for _ in range(5_000):
            observe("state_write", 0.001)

    def take():
        while not done.is_set():
            seen.append(times("state_write"))

    taker = threading.Thread(target=take)
    workers = [threading.Thread(target=work) for _ in range(4)]
    for thread in [taker, *workers]:
        thread.start()
    for thread in workers:
        thread.join()
    done.set()
    taker.join()
    assert sum(seen) + times("state_write") == 20_000


def test_the_first_measurement_begins_reporting_and_the_second_does_not():
    begun = []
    measure.on_first_measure(lambda: begun.append(1))
    observe("turn", 0.1)
    observe("turn", 0.1)
    assert begun == [1]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_begins_with_nothing():
    observe("turn", 0.1)
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        kinds, _ = measure.take()
        os.write(theirs, json.dumps(kinds["turn"]).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as said:
        assert json.loads(said.read()) == [0.0, {}]
    assert os.waitpid(child, 0)[1] == 0
    assert times("turn") == 1


def test_nothing_counted_has_no_quantile():
    assert quantile({}, 0.5) is None
    assert quantile({3: 0}, 0.5) is None


@pytest.mark.parametrize("seconds", [0.000_05, 0.000_9, 0.004, 0.31, 7.0])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.95, 1.0])
def test_a_quantile_is_known_to_within_a_quarter(seconds, part):
    assert quantile({bucket(seconds): 1_000}, part) == pytest.approx(seconds, rel=0.26)


def test_a_quantile_is_where_the_counted_ones_are():
    buckets = {bucket(0.001): 940, bucket(0.5): 60}
    assert quantile(buckets, 0.5) == pytest.approx(0.001, rel=0.26)
    assert quantile(buckets, 0.95) == pytest.approx(0.5, rel=0.26)


def test_what_is_longer_than_all_bounds_counts_as_the_longest():
    assert bucket(LONGEST * 100) == len(BOUNDS)
    assert quantile({bucket(LONGEST * 100): 5}, 0.5) == BOUNDS[-1]


def test_no_time_at_all_is_in_the_first_bucket():
    assert bucket(0.0) == 0
