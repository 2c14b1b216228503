"""Redis refused, frozen, restarted empty or full: history answers as without it, and the broker's memory is spared."""

import pytest

from config.services import process
from persistence.hot.client import HotUnavailable
from persistence.recent import cache
from persistence.recent.room import room
from tests.persistence.recent.support import (
    client,
    conversation,
    counted,
    entries,
    held_seqs,
    key,
    last,
    plain,
    tell,
)
from tests.persistence.support import conversation_of

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 30.0


def hits(found):
    with counted() as counts:
        assert last(found) == plain(found)
    return counts == {"hit": 1}


@pytest.mark.parametrize("way", ["kill", "freeze"])
def test_while_redis_does_not_answer_postgres_does_and_afterwards_the_cache_again(
    way, cached_apart, settings
):
    settings.HOT_REDIS_BUDGET_MS = 200
    found = conversation_of(tell("1"))
    assert hits(found)
    getattr(cached_apart, way)()
    with counted() as counts:
        found = conversation_of(tell("2"))
        for _ in range(3):
            assert last(found) == plain(found)
        assert [turn.seq for turn in last(found)] == [1, 2]
    assert counts == {"unavailable": 4}
    cached_apart.resume() if way == "freeze" else cached_apart.start()
    assert process.wait_until(lambda: hits(found), PATIENCE_SECONDS)
    assert held_seqs(conversation_of(tell("3"))) == [1, 2, 3]


def test_a_redis_that_was_emptied_is_filled_again_by_reading(cached_apart):
    found = conversation_of(tell("1"))
    with client() as own:
        own.flushall()
        own.script_flush()
    assert not hits(found)
    assert hits(found)


def test_without_a_redis_in_the_settings_postgres_answers(cached_apart, settings):
    settings.HOT_REDIS_URL = ""
    found = conversation_of(tell("1"))
    with counted() as counts:
        assert last(found) == plain(found)
    assert counts == {"unavailable": 1}
    assert cache.forget("demo", [found.conversation_id]) == 0


def test_what_redis_did_not_confirm_is_not_called_forgotten(cached_apart):
    found = conversation_of(tell("1"))
    cached_apart.kill()
    with pytest.raises(HotUnavailable):
        cache.forget("demo", [found.conversation_id])


def nearly_full(own, share):
    own.config_set("maxmemory", int(own.info("memory")["used_memory"] / share))
    room.ask_again()


def test_nothing_is_put_into_a_redis_that_is_three_quarters_full(cached_apart):
    found = conversation(2)
    with client() as own:
        nearly_full(own, 0.8)
        with counted() as counts:
            assert last(found) == plain(found)
            assert last(found) == plain(found)
        assert counts == {"miss": 2}
        assert not own.exists(key(found))
        nearly_full(own, 0.4)
        last(found)
        assert held_seqs(found) == [1, 2]


def test_a_list_that_cannot_be_kept_up_to_date_gives_its_memory_back(cached_apart):
    found = conversation_of(tell("1"))
    with client() as own:
        nearly_full(own, 0.8)
    found = conversation_of(tell("2"))
    assert entries(found) == []
    assert not hits(found)


def test_without_a_limit_of_its_own_redis_is_measured_by_the_machines_memory(cached_apart):
    with client() as own:
        assert own.info("memory")["maxmemory"] == 0
        own.config_set("maxmemory", 0)
    assert hits(conversation_of(tell("1")))


def test_how_full_redis_is_is_asked_once_in_a_while_and_not_for_each_turn(cached_apart):
    with client() as own:
        for number in range(20):
            tell(str(number))
        assert own.info("commandstats")["cmdstat_info"]["calls"] <= 2  # one of them is this
