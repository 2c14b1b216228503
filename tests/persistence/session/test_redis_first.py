"""Level 3: Redis acknowledges, Postgres follows; what Redis lost is brought back; either of the two may be out."""

import multiprocessing

import pytest
from django.db import connections

from config.services import process
from persistence.models import SessionState as Row
from persistence.session import redis_first
from persistence.session.behind.apply import keep_up, write_behind
from persistence.session.behind.stream import key_of
from persistence.session.errors import IllegalTransition, SessionStateUnavailable, StaleVersion
from persistence.session.port import MUST_NOT_EXIST
from persistence.session.redis import state_key
from tests.persistence.session.outagekit import (
    CHANNEL,
    DOMAIN,
    SESSION,
    TURN,
    clear,
    get,
    in_redis,
    plain,
    put,
    row,
    step,
    touch,
    until_used_again,
)
from tests.persistence.session.outages import module_server, server  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis(server, settings):  # noqa: F811
    settings.SESSION_STATE_BACKEND = "redis-first"
    redis_first._postgres.rests_until = 0.0
    client = plain(server.url)
    yield client
    client.close()


def lose(redis) -> None:
    """Let Redis lose the session's state; Postgres has what was written behind."""
    write_behind(redis, [], budget=30)
    redis.delete(state_key(DOMAIN, CHANNEL, SESSION))
    assert in_redis() is None


def test_a_write_is_acknowledged_by_redis_and_comes_to_postgres_afterwards(redis):
    kept = put(1, confidence=0.5, turn_id=TURN)
    assert (row(), redis.xlen(key_of(DOMAIN))) == (None, 1)
    assert (step(), get().kept_in) == (1, "redis"), "it is read at once"
    keep_up(budget=30)
    found = row()
    assert (found.version, found.data, found.confidence, found.turn_id) == (
        kept.version,
        {"step": 1},
        0.5,
        TURN,
    )
    assert (found.unhealed, redis.xlen(key_of(DOMAIN))) == (False, 0)


def test_touches_and_clearings_are_written_behind_as_well(redis):
    put(1)
    touched = touch()
    keep_up(budget=30)
    assert (row().version, row().confidence) == (touched.version, 0.75)
    version = clear()
    keep_up(budget=30)
    assert (row().version, row().cleared, row().data) == (version, True, {})


def test_domains_that_are_not_named_are_at_level_1(redis, settings):
    settings.SESSION_STATE_REDIS_FIRST_DOMAINS = ["another"]
    put(1)
    assert (step(), redis.xlen(key_of(DOMAIN))) == (1, 0)


def test_what_redis_lost_is_read_from_postgres_and_brought_back(redis):
    kept = put(1)
    lose(redis)
    assert (step(), get().version) == (1, kept.version)
    assert in_redis().version == kept.version
    assert redis.xlen(key_of(DOMAIN)) == 0, "what comes from Postgres is not sent there again"


def test_an_update_of_what_redis_lost_finds_its_version(redis):
    kept = put(1)
    lose(redis)
    assert put(2, expected=kept.version).version > kept.version
    lose(redis)
    with pytest.raises(StaleVersion) as refused:
        put(3, expected=kept.version)
    assert refused.value.state.data == {"step": 2}
    lose(redis)
    with pytest.raises(StaleVersion):
        put(3, expected=MUST_NOT_EXIST)


def test_a_turn_keeps_the_state_that_redis_lost(redis):
    put(1)
    lose(redis)
    assert touch().data == {"step": 1}


def test_the_lifecycle_remembers_what_redis_lost(redis):
    put(1, allowed_from=frozenset({"pending"}), may_begin=True)
    lose(redis)
    with pytest.raises(IllegalTransition):
        put(2, allowed_from=frozenset({"pending"}), may_begin=True)


@pytest.mark.parametrize("with_version", [True, False])
def test_a_clearing_reaches_what_redis_lost(redis, with_version):
    kept = put(1)
    lose(redis)
    assert clear(expected=kept.version if with_version else None) > kept.version
    assert get() is None
    keep_up(budget=30)
    assert (get(), row().cleared) == (None, True)


def test_what_was_cleared_does_not_come_back_from_postgres(redis):
    put(1)
    keep_up(budget=30)
    clear()
    assert get() is None, "although Postgres still has it"
    lose(redis)
    assert get() is None, "and Postgres knows by now"


def test_there_is_nothing_where_there_was_nothing(redis):
    assert get() is None
    assert clear() is None
    with pytest.raises(StaleVersion):
        put(1, expected=5)


def test_while_redis_is_out_postgres_acknowledges_and_redis_is_told_afterwards(redis, server):  # noqa: F811
    before = put(1)
    keep_up(budget=30)
    server.freeze()
    assert (step(), get().kept_in) == (1, "postgres")
    kept = put(2, expected=before.version)
    assert (row().unhealed, step()) == (True, 2)
    server.resume()
    until_used_again()
    assert (in_redis().version, row().version, row().unhealed) == (kept.version, kept.version, False)


def test_a_turn_during_an_outage_does_not_make_an_older_copy_the_newest(redis, server):  # noqa: F811
    put(1)
    keep_up(budget=30)
    acknowledged = put(2)
    server.stop()
    assert touch() is None
    server.start()
    until_used_again()
    assert (step(), get().version) == (2, acknowledged.version)


def test_while_postgres_is_out_redis_goes_on_alone(redis, monkeypatch):
    def out(*_):
        raise SessionStateUnavailable("Postgres did not answer")

    monkeypatch.setattr(redis_first, "copy_of_session", out)
    kept = put(1, expected=MUST_NOT_EXIST)
    assert put(2, expected=kept.version)
    assert (touch().data, step()) == ({"step": 2}, 2)
    assert clear() is not None
    assert get() is None


def test_postgres_is_not_asked_again_and_again_while_it_is_out(redis, monkeypatch):
    asked = []

    def out(*where):
        asked.append(where)
        raise SessionStateUnavailable("Postgres did not answer")

    monkeypatch.setattr(redis_first, "copy_of_session", out)
    for _ in range(20):
        get()
    assert len(asked) == 1


def test_a_full_redis_refuses_and_postgres_takes_over(redis):
    before = put(1)
    redis.config_set("maxmemory", 1)
    try:
        kept = put(2, expected=before.version)
        assert (kept.kept_in, step()) == ("postgres", 2)
    finally:
        redis.config_set("maxmemory", 0)
    until_used_again()
    assert in_redis().version == kept.version
    keep_up(budget=30)
    assert row().version == kept.version


def test_a_full_redis_is_emptied_by_what_it_already_acknowledged(redis):
    put(1)
    keep_up(budget=30)
    kept = put(2)
    redis.config_set("maxmemory", 1)
    try:
        assert write_behind(redis, [], budget=30) == 1
    finally:
        redis.config_set("maxmemory", 0)
    assert (row().version, redis.xlen(key_of(DOMAIN))) == (kept.version, 0)


def test_what_was_acknowledged_survives_a_kill_of_redis_before_it_is_applied(redis, server):  # noqa: F811
    redis.config_set("appendfsync", "always")
    kept = put(1)
    server.kill()
    server.start()
    keep_up(budget=30)
    assert (row().version, row().data) == (kept.version, {"step": 1})


def test_a_flushed_redis_loses_only_what_was_not_applied_yet(redis):
    kept = put(1)
    keep_up(budget=30)
    put(2)
    redis.flushall()
    assert (step(), get().version) == (1, kept.version)
    later = put(3)
    redis_first._noted.clear()  # a minute later the domain is noted anew
    put(4)
    keep_up(budget=30)
    assert (row().data, row().version > later.version) == ({"step": 4}, True)


def read_elsewhere(answer) -> None:
    answer.put(step())


def test_another_process_reads_what_was_just_written(redis):
    put(1)
    forking = multiprocessing.get_context("fork")
    connections.close_all()
    for number in range(2, 6):
        put(number)
        answer = forking.Queue()
        child = forking.Process(target=read_elsewhere, args=(answer,))
        child.start()
        assert answer.get(timeout=30) == number
        child.join()
    assert Row.objects.count() == 0, "Postgres had no part in it"
    assert process.birth(child.pid) is None
