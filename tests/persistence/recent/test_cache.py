"""What is held, when it is used, and that a read with the cache answers as one without it."""

from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from persistence.history import find_conversation, history
from persistence.recent import cache
from persistence.recent.entries import ERASED
from persistence.requests import turn_request
from persistence.turns import write_turn
from tests.persistence.recent.support import (
    client,
    conversation,
    counted,
    entries,
    fills,
    held_seqs,
    key,
    last,
    plain,
    statements,
    tell,
)
from tests.persistence.support import conversation_of, say

NEVER_SAID = {
    "channel": "web",
    "session_id": "s",
    "request_id": "never said",
    "messages": [{"role": "user", "content": "x"}],
}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("cached")]


def test_turns_that_were_put_there_after_their_commit_are_read_without_postgres():
    for number in range(3):
        recorded = tell(str(number))
    found = conversation_of(recorded)
    with counted() as counts, statements() as sent:
        turns = last(found)
    assert (counts, sent) == ({"hit": 1}, [])
    assert turns == plain(found)
    assert [turn.messages[0]["content"] for turn in turns] == ["0", "1", "2"]


def test_a_read_from_postgres_is_a_hit_the_next_time():
    found = conversation(5)
    with counted() as counts:
        first, second = last(found), last(found)
    assert counts == {"miss": 1, "hit": 1}
    assert first == second == plain(found)


@rules(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_page_is_the_same_with_the_cache_and_without(settings, data):
    settings.HISTORY_CACHE_TURNS = data.draw(st.integers(1, 12))
    total = data.draw(st.integers(1, 9))
    session_id = str(uuid4())
    for number in range(total):
        write = tell if data.draw(st.booleans()) else say
        recorded = write(str(number), session_id=session_id)
        found = conversation_of(recorded)
        for _ in range(2):
            page = {"limit": data.draw(st.integers(1, 12))}
            if place := data.draw(st.sampled_from([None, "after_seq", "before_seq"])):
                page[place] = data.draw(st.integers(0, total + 3))
            assert history(found, **page) == plain(found, **page)


def test_a_list_that_missed_a_turn_is_not_used_and_is_made_anew():
    tell("1")
    say("2")  # its process ended before it came to the cache
    found = conversation_of(tell("3"))
    assert held_seqs(found) == [1]
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {"miss": 1}
    assert held_seqs(found) == [1, 2, 3]


def test_a_conversation_that_was_found_earlier_is_read_as_it_was_then():
    tell("1")
    earlier = conversation_of(tell("2"))
    later = conversation_of(tell("3"))
    assert [turn.seq for turn in last(earlier)] == [1, 2]
    assert held_seqs(later) == [1, 2, 3], "the newer list was replaced by an older one"


def test_no_more_turns_are_held_than_allowed(settings):
    settings.HISTORY_CACHE_TURNS = 3
    for number in range(5):
        recorded = tell(str(number))
    found = conversation_of(recorded)
    assert held_seqs(found) == [3, 4, 5]
    with client() as own:
        own.delete(key(found))
    assert history(found, before_seq=6, limit=3) == plain(found, before_seq=6, limit=3)
    assert held_seqs(found) == [3, 4, 5]


def test_no_more_bytes_are_held_than_allowed_and_what_cannot_be_held_is_not_tried_again(settings):
    settings.HISTORY_CACHE_BYTES = 11_000
    for number in range(8):
        recorded = tell(f"{number} " + "x" * 3000)
    found = conversation_of(recorded)
    assert held_seqs(found) == [6, 7, 8]
    assert sum(map(len, entries(found))) < 11_100
    before = fills()
    assert last(found) == plain(found)
    assert fills() == before
    with client() as own:
        own.delete(key(found))
    assert last(found) == plain(found)
    assert held_seqs(found) == [6, 7, 8]


def test_a_turn_too_large_to_be_held_empties_the_list_and_is_read_from_postgres(settings):
    settings.HISTORY_CACHE_BYTES = 5_000
    tell("small")
    found = conversation_of(tell("x" * 6_000))
    assert entries(found) == []
    with counted() as counts:
        assert last(found) == last(found) == plain(found)
    assert counts == {"miss": 2}
    assert entries(found) == []


def test_a_list_ends_after_the_days_of_the_settings(settings):
    settings.HISTORY_CACHE_DAYS = 2
    found = conversation_of(tell())
    with client() as own:
        assert 0 < own.pttl(key(found)) <= 2 * 86_400_000
        own.delete(key(found))
        last(found)
        assert 0 < own.pttl(key(found)) <= 2 * 86_400_000


def test_pages_that_the_cache_cannot_hold_are_not_asked_of_it(settings):
    settings.HISTORY_CACHE_TURNS = 3
    found = conversation(5)
    with counted() as counts:
        for page in ({"before_seq": 6, "limit": 4}, {"after_seq": 0}, {"after_seq": 5}, {"before_seq": 1}):
            assert history(found, **page) == plain(found, **page)
    assert counts == {"bypassed": 4}
    assert entries(found) == []


def test_inside_a_transaction_nothing_is_read_from_the_cache_and_nothing_put_there():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        recorded = write_turn("demo", turn_request(NEVER_SAID))
        cache.append("demo", recorded)
        found = conversation_of(recorded)
        assert [turn.seq for turn in last(found)] == [1]
        assert entries(found) == []
        raise ZeroDivisionError
    assert find_conversation("demo", recorded.conversation_id) is None
    assert entries(found) == []


def test_a_replayed_turn_is_not_put_there_twice():
    tell(request_id="once")
    found = conversation_of(tell(request_id="once"))
    assert held_seqs(found) == [1]


def test_with_the_setting_off_redis_is_left_alone(settings):
    settings.HISTORY_CACHE = "off"
    found = conversation_of(tell())
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {}
    assert entries(found) == []


def test_what_is_forgotten_does_not_come_back_by_whoever_read_it_before():
    found = conversation_of(tell("1"))
    other = conversation_of(tell("1", session_id="other"))
    turns = plain(found)
    late = say("2")
    assert cache.forget("demo", [found.conversation_id, uuid4()]) == 1
    cache.fill(found, turns, cache.NOTHING, worthless=True)
    cache.append("demo", late)
    assert entries(found) == [ERASED]
    assert last(found) == plain(found, before_seq=2)
    assert cache.forget("demo", [found.conversation_id]) == 0
    assert entries(found) == [ERASED]
    assert held_seqs(other) == [1]
    with client() as own:
        assert 0 < own.ttl(key(found)) <= 3600


def test_a_conversation_whose_chain_is_broken_is_read_from_postgres_alone():
    found = conversation(3)
    broken = plain(found)
    cache.fill(found, [*broken[:1], broken[2]], cache.NOTHING, worthless=False)
    assert held_seqs(found) == [3]
