"""Many turns at the same moment: one of each request, no gap, one winner."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from persistence.errors import (
    RequestIdReused,
    StaleSequence,
)
from persistence.models import Conversation, Turn
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


def in_threads(*calls):
    """Run the calls at the same time, each in a thread with a connection of its own; return results or errors."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait()
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_fifty_retries_at_once_store_one_turn():
    found = in_threads(*[lambda: say(request_id="r")] * 50)
    assert len({turn.turn_id for turn in found}) == 1
    assert sum(not turn.replayed for turn in found) == 1
    assert Turn.objects.count() == Conversation.objects.count() == 1


def test_one_request_id_used_in_many_sessions_at_once_belongs_to_exactly_one():
    found = in_threads(
        *[lambda number=number: say(session_id=f"s{number}", request_id="r") for number in range(12)]
    )
    assert sum(isinstance(turn, RequestIdReused) for turn in found) == 11
    assert Turn.objects.count() == Conversation.objects.count() == 1


def test_many_turns_at_once_in_one_conversation_get_numbers_without_gap_or_repetition():
    found = in_threads(*[lambda number=number: say(f"message {number}") for number in range(40)])
    assert sorted(turn.seq for turn in found) == list(range(1, 41))


def test_of_many_turns_that_expect_the_same_seq_one_wins():
    say()
    found = in_threads(*[lambda number=number: say(f"m{number}", expected_seq=1) for number in range(10)])
    assert sum(isinstance(turn, StaleSequence) for turn in found) == 9
