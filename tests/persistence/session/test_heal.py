"""After an outage Redis is told what it missed: only what is newer, once or twice, by one or by several."""

import threading
import time

import pytest
from django.db import OperationalError, connection

from persistence.hot.client import hot
from persistence.models import SessionState as Row
from persistence.session import heal as healing
from persistence.session.errors import SessionStateUnavailable
from persistence.session.heal import heal_before_use, heal_in_passing, heal_states
from persistence.session.port import NewState
from persistence.session.postgres import PostgresStore
from persistence.session.redis import RedisStore, state_key
from tests.persistence.session.outagekit import (
    CHANNEL,
    DOMAIN,
    SESSION,
    TTL,
    clear,
    eventually,
    get,
    in_redis,
    name_of,
    plain,
    put,
    row,
    step,
    until_used_again,
)
from tests.persistence.session.outages import module_server, server  # noqa: F401

LEAD_SECONDS = 0.3  # by so much, and no more, what was written in an outage counts as newer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("server")]


def put_in_outage(step: int, session: str = SESSION) -> int:
    """Write as a process does for which Redis is out; returns the version."""
    new = NewState("active", {"step": step}, 1)
    return PostgresStore(lenient=True).put(DOMAIN, CHANNEL, session, new, ttl=TTL).version


def clear_in_outage() -> None:
    PostgresStore(lenient=True).clear(DOMAIN, CHANNEL, SESSION, ttl=TTL)


def test_what_redis_missed_is_told_and_the_rows_have_done_their_duty():
    versions = {name_of(number): put_in_outage(number, name_of(number)) for number in range(1, 6)}
    assert heal_states() == 5
    assert {name: in_redis(name).version for name in versions} == versions
    assert Row.objects.count() == 0
    assert heal_states() == 0


def test_many_are_told_in_batches(monkeypatch):
    monkeypatch.setattr(healing, "BATCH", 2)
    for number in range(1, 6):
        put_in_outage(number, name_of(number))
    assert heal_states() == 5
    assert [in_redis(name_of(number)).data["step"] for number in range(1, 6)] == [1, 2, 3, 4, 5]


def test_what_redis_has_newer_stays():
    put_in_outage(1)
    time.sleep(LEAD_SECONDS)
    newer = put(2)
    assert heal_states() == 1
    assert in_redis().version == newer.version
    assert row() is None


def test_a_clearing_is_told_and_nothing_older_comes_back():
    put(1)
    clear_in_outage()
    assert heal_states() == 1
    assert get() is None
    assert row() is None


def test_what_was_cleared_in_redis_after_the_outage_does_not_come_back():
    put_in_outage(1)
    time.sleep(LEAD_SECONDS)
    put(2)
    clear()
    heal_states()
    assert get() is None


def test_a_row_whose_time_has_passed_is_settled_without_a_word():
    put_in_outage(1)
    Row.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert heal_states() == 1
    assert in_redis() is None
    assert row() is None


def test_where_redis_comes_first_the_rows_stay_as_the_written_copy(settings):
    settings.SESSION_STATE_BACKEND = "redis-first"
    version = put_in_outage(1)
    assert heal_states() == 1
    assert (in_redis().version, row().version, row().unhealed) == (version, version, False)
    assert heal_states() == 0


def test_a_row_that_is_written_again_while_it_is_told_is_told_again(monkeypatch):
    put_in_outage(1)
    adopt = RedisStore.adopt

    def told_and_written(self, copies):
        found = adopt(self, copies)
        put_in_outage(2)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(RedisStore, "adopt", told_and_written)
        healing.heal(RedisStore(hot()), keeps_rows=lambda _: False)
    assert (in_redis().data["step"], row().data["step"], row().unhealed) == (1, 2, True)
    assert heal_states() == 1
    assert step() == 2


def test_several_may_heal_at_once():
    for number in range(1, 41):
        put_in_outage(number, name_of(number))
    errors = []

    def work():
        try:
            heal_states()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heal_states()
    assert not errors
    assert Row.objects.count() == 0
    assert [in_redis(name_of(number)).data["step"] for number in range(1, 41)] == list(range(1, 41))


def test_nothing_is_settled_that_redis_was_not_told(server):  # noqa: F811
    put_in_outage(1)
    server.stop()
    with pytest.raises(SessionStateUnavailable):
        heal_states()
    heal_in_passing()
    assert row().unhealed


def test_without_postgres_redis_is_used_again_unhealed_and_the_tick_goes_by(monkeypatch):
    def out(*_):
        raise OperationalError("no connection")

    monkeypatch.setattr(healing, "unhealed_copies", out)
    heal_before_use()
    heal_in_passing()


def test_after_a_step_down_to_level_0_redis_is_told_nothing_and_nothing_waits_for_it(settings):
    put_in_outage(1)
    settings.SESSION_STATE_BACKEND = "postgres"
    heal_in_passing()
    assert in_redis() is None
    assert not Row.objects.filter(unhealed=True).exists()
    assert step() == 1


def test_a_server_that_comes_back_with_an_old_state_gets_the_newer_one(server):  # noqa: F811
    first = put(1)
    server.freeze()
    second = put(2, expected=first.version)
    third = put(3, expected=second.version)
    server.resume()
    until_used_again()
    assert (in_redis().version, step()) == (third.version, 3)


def test_a_write_that_was_given_up_is_not_carried_out_late(server, settings):  # noqa: F811
    # It lies in the frozen server's socket, and the server reads it before anything else when it comes back.
    first = put(1)
    settings.HOT_REDIS_REST_SECONDS = 300  # so that nobody heals meanwhile
    assert in_redis().version == first.version
    server.freeze()
    put(2)
    second = put(3)
    time.sleep(1)  # longer than a server that is only slow may take
    server.resume()
    redis = plain(server.url)
    eventually(redis.ping, "it answers")
    assert redis.hget(state_key(DOMAIN, CHANNEL, SESSION), "version") == str(first.version).encode()
    assert row().version == second.version
    redis.close()
