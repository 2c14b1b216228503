"""What session state stands on is refused before the first process starts; what may be out at any time is not."""

import socket

import pytest

from persistence.session import checks
from persistence.session.checks import (
    check_hot_settings,
    check_memory_is_not_shared,
    check_redis_first_server,
)
from tests.persistence.session.outagekit import plain
from tests.persistence.session.outages import module_server, server  # noqa: F401


def ids(found):
    return [message.id for message in found]


def test_the_defaults_have_nothing_to_say(settings):
    assert check_hot_settings() + check_memory_is_not_shared() + check_redis_first_server() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SESSION_STATE_BACKEND", "redis"),
        ("SESSION_STATE_BACKEND", "redis-first"),
        ("HISTORY_CACHE", "redis"),
    ],
)
def test_what_needs_redis_must_know_where_it_is(settings, name, value):
    settings.HOT_REDIS_URL = ""
    setattr(settings, name, value)
    (found,) = check_hot_settings() + check_redis_first_server()
    assert (found.id, f"{name}={value}" in found.msg) == ("persistence.E007", True)
    assert found.hint


def test_memory_of_several_processes_is_warned_of(settings):
    settings.SESSION_STATE_BACKEND = "memory"
    settings.WEB_CONCURRENCY = 1
    assert check_memory_is_not_shared() == []
    settings.WEB_CONCURRENCY = 2
    assert ids(check_memory_is_not_shared()) == ["persistence.W002"]


@pytest.fixture
def redis(server, settings):  # noqa: F811
    settings.SESSION_STATE_BACKEND = "redis-first"
    client = plain(server.url)
    good = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    yield client
    for name, value in good.items():
        client.config_set(name, value)
    client.close()


@pytest.mark.django_db(transaction=True)
def test_a_server_that_keeps_its_word_is_taken(redis):
    assert check_redis_first_server() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("appendonly", "no", "persistence.E009"),
        ("maxmemory-policy", "allkeys-lru", "persistence.E010"),
        ("appendfsync", "no", "persistence.E011"),
    ],
)
def test_a_server_that_may_forget_what_it_acknowledged_is_refused(redis, name, value, expected):
    redis.config_set(name, value)
    (found,) = check_redis_first_server()
    assert found.id == expected
    assert found.hint


@pytest.mark.django_db(transaction=True)
def test_a_server_that_hides_its_configuration_is_taken_for_what_it_shows(redis, settings):
    redis.config_set("appendfsync", "no")
    redis.acl_setuser("hosted", enabled=True, passwords=["+word"], commands=["+info"], keys=["*"])
    try:
        where = redis.connection_pool.connection_kwargs
        settings.HOT_REDIS_URL = f"redis://hosted:word@{where['host']}:{where['port']}/0"
        assert check_redis_first_server() == []
    finally:
        redis.acl_deluser("hosted")


def test_a_server_that_is_out_is_a_warning_and_holds_no_start_up(settings, monkeypatch):
    settings.SESSION_STATE_BACKEND = "redis-first"
    settings.HOT_REDIS_URL = "redis://127.0.0.1:1/0"
    assert ids(check_redis_first_server()) == ["persistence.W003"]
    monkeypatch.setattr(checks, "ASK_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.HOT_REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert ids(check_redis_first_server()) == ["persistence.W003"]


def test_an_address_that_is_none_is_refused(settings):
    settings.SESSION_STATE_BACKEND = "redis-first"
    settings.HOT_REDIS_URL = "http://127.0.0.1/"
    assert ids(check_redis_first_server()) == ["persistence.E008"]
