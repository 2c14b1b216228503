"""Of threads that ask for the same at the same time, one asks Postgres. None waits for ever, none inherits an error."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from persistence.recent.flights import Flights
from tests.persistence.recent.support import client, conversation, counted, key, last, plain, statements

THREADS = 8


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("held", ["nothing", "poison"])
def test_threads_that_miss_at_the_same_time_read_postgres_once(held):
    found = conversation(20)
    if held == "poison":
        with client() as own:
            own.set(key(found), "poison")
    ready = threading.Barrier(THREADS)

    def read():
        try:
            connection.ensure_connection()
            with statements() as sent:
                ready.wait()
                return last(found), len(sent)
        finally:
            connections.close_all()

    with counted() as counts, ThreadPoolExecutor(THREADS) as pool:
        done = [one.result() for one in [pool.submit(read) for _ in range(THREADS)]]
    assert sum(sent for _, sent in done) == 1
    assert all(turns == plain(found) for turns, _ in done)
    assert counts == {"miss" if held == "nothing" else "poisoned": 1, "hit": THREADS - 1}


class Blocked:
    """Work that begins, and goes on when it is told to; ``calls`` counts how often it was begun."""

    def __init__(self):
        self.calls, self.began, self.go_on = 0, threading.Event(), threading.Event()

    def __call__(self):
        self.calls += 1
        self.began.set()
        assert self.go_on.wait(30)
        return "the leader's"


@pytest.fixture
def leader():
    """Start a thread that does blocked work in a flight and is let go at the end; returns how to."""
    with ThreadPoolExecutor(1) as pool:
        started = []

        def start(flights, work):
            started.append(work)
            future = pool.submit(flights.share, "page", work)
            assert work.began.wait(30)
            return future

        yield start
        for work in started:
            work.go_on.set()


def test_who_waits_is_given_what_the_first_one_found(leader):
    flights, work = Flights(30), Blocked()
    leading = leader(flights, work)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(flights.share, "page", lambda: "own") for _ in range(3)]
        work.go_on.set()
        assert leading.result() == ("the leader's", False)
        # One that came only after the flight had landed leads its own.
        assert all(one.result() in (("the leader's", True), ("own", False)) for one in waiting)
    assert work.calls == 1


def test_who_waited_long_enough_does_the_work_itself(leader):
    flights, work = Flights(0.01), Blocked()
    leader(flights, work)
    assert flights.share("page", lambda: "own") == ("own", False)
    assert flights.share("another page", lambda: "other") == ("other", False)


def test_an_error_is_the_first_ones_own(leader):
    flights, work = Flights(30), Blocked()

    def failing():
        work()
        raise ZeroDivisionError

    failing.began, failing.go_on = work.began, work.go_on
    leading = leader(flights, failing)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(flights.share, "page", lambda: "own")
        work.go_on.set()
        assert waiting.result() == ("own", False)
    with pytest.raises(ZeroDivisionError):
        leading.result()
    assert flights.share("page", lambda: "again") == ("again", False)


def test_a_forked_process_does_not_wait_for_its_parents_threads(leader):
    flights = Flights(600)
    leader(flights, Blocked())
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, flights.share("page", lambda: b"own")[0])
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as told:
        assert told.read() == b"own"
    os.waitpid(child, 0)
