"""Write-behind: from a domain's stream in Redis into Postgres, whatever happens in between."""

import threading

import pytest
from django.db import DatabaseError, connection
from redis import Redis

from persistence.models import ParkedStateWrite, SessionState
from persistence.session.behind import apply
from persistence.session.behind.apply import apply_some, write_behind
from persistence.session.behind.stream import key_of
from tests.persistence.session.behindkit import (
    DOMAIN,
    acknowledge,
    apply_all,
    checkpoint,
    come_due,
    fields,
    grow_old,
    kept,
    left_on,
    session_of,
    stream,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def address(redis_url):
    """A corner of the tests' shared Redis where nobody else keeps anything."""
    return f"{redis_url.removesuffix('/0')}/9"


@pytest.fixture
def redis(address):
    client = Redis.from_url(address, socket_timeout=5)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def test_what_was_acknowledged_comes_to_rest_in_postgres_as_it_was(redis):
    turn = "0190f3a0-0000-7000-8000-000000000001"
    acknowledge(
        redis, fields(1, version=7, state="running", confidence="0.25", turn_id=turn, data='{"a": [1]}')
    )
    apply_all(redis)
    row = kept(1)
    assert (row.domain, row.channel, row.state, row.confidence) == (DOMAIN, "web", "running", 0.25)
    assert (str(row.turn_id), row.version, row.previous, row.data) == (turn, 7, 6, {"a": [1]})
    assert (row.cleared, row.unhealed) == (False, False)
    assert left_on(redis) == 0


def test_only_the_last_version_of_a_session_is_written_and_every_write_is_counted(redis):
    ids = acknowledge(
        redis, *(fields(1, version=version) for version in (1, 2, 5, 3, 4)), fields(2, version=9)
    )
    apply_all(redis)
    assert (kept(1).version, kept(1).data) == (5, {"step": 5})
    assert kept(2).version == 9
    assert (checkpoint().last_entry, checkpoint().applied) == (ids[-1], 6)


def test_an_older_write_never_replaces_a_newer_row(redis):
    acknowledge(redis, fields(1, version=5))
    apply_all(redis)
    acknowledge(redis, fields(1, version=4), fields(2, version=1))
    apply_all(redis)
    assert (kept(1).version, kept(2).version, left_on(redis)) == (5, 1, 0)


def test_a_clearing_is_written_too_and_keeps_nothing_but_its_version(redis):
    acknowledge(redis, fields(1, version=5, data='{"name": "somebody"}'))
    apply_all(redis)
    acknowledge(redis, fields(1, version=6, kind="cleared", data="", state="", confidence=""))
    apply_all(redis)
    row = kept(1)
    assert (row.cleared, row.version, row.data, row.state, row.turn_id) == (True, 6, {}, "", None)


def test_a_written_version_counts_as_told_to_redis(redis):
    acknowledge(redis, fields(1, version=5))
    apply_all(redis)
    SessionState.objects.update(unhealed=True)
    acknowledge(redis, fields(1, version=5))
    apply_all(redis)
    assert kept(1).unhealed, "the same version changes nothing"
    acknowledge(redis, fields(1, version=6))
    apply_all(redis)
    assert not kept(1).unhealed


def test_a_worker_that_dies_before_it_writes_leaves_the_entries_to_the_next(redis):
    acknowledge(redis, fields(1), fields(2))
    assert len(stream(redis).take().fresh) == 2
    assert apply_some(stream(redis)) == 0, "they are in somebody's hands"
    grow_old(redis)
    apply_all(redis)
    assert (SessionState.objects.count(), left_on(redis)) == (2, 0)


def test_a_worker_that_dies_between_commit_and_settling_is_repeated_harmlessly(redis, monkeypatch):
    acknowledge(redis, fields(1, version=5))

    def die(*_):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr("persistence.session.behind.stream.Stream.settle", die)
        with pytest.raises(SystemExit):
            apply_some(stream(redis))
    assert (kept(1).version, left_on(redis)) == (5, 1)
    acknowledge(redis, fields(1, version=6))
    apply_all(redis)
    grow_old(redis)
    apply_all(redis)
    assert (kept(1).version, left_on(redis)) == (6, 0)


def test_two_workers_at_once_write_each_session_once_and_its_last_version(redis, address):
    acknowledge(
        redis, *(fields(session, version=version) for version in range(1, 41) for session in range(1, 51))
    )
    errors = []

    def work():
        client = Redis.from_url(address)
        try:
            while apply_some(stream(client), 37):
                pass
        except Exception as error:
            errors.append(error)
        finally:
            client.close()
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors
    assert {kept(session).version for session in range(1, 51)} == {40}
    assert (checkpoint().applied, left_on(redis)) == (2000, 0)


def test_a_group_that_redis_lost_begins_anew_with_all_that_is_left(redis):
    acknowledge(redis, fields(1))
    stream(redis).take()
    redis.xgroup_destroy(key_of(DOMAIN), "postgres")
    acknowledge(redis, fields(2))
    apply_all(redis)
    assert (SessionState.objects.count(), left_on(redis)) == (2, 0)


def test_postgres_being_out_spends_nothing_and_the_entries_go_on_at_once_when_it_is_back(redis):
    acknowledge(redis, fields(1), fields(2))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE persistence_session_state RENAME TO elsewhere")
    try:
        with pytest.raises(DatabaseError):
            apply_some(stream(redis))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO persistence_session_state")
    assert (left_on(redis), ParkedStateWrite.objects.count()) == (2, 0)
    assert not redis.exists(f"{key_of(DOMAIN)}:failed")
    apply_all(redis)
    assert (SessionState.objects.count(), left_on(redis)) == (2, 0)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"session": "not hexadecimal"}, id="no session"),
        pytest.param({"version": "9" * 40}, id="a version beyond all numbers"),
        pytest.param({"version": "-1"}, id="a version below zero"),
        pytest.param({"redaction_version": "70000"}, id="a redaction version that is too large"),
        pytest.param({"confidence": "nan"}, id="not a number"),
        pytest.param({"turn_id": "4711"}, id="no UUID"),
        pytest.param({"data": b"\xff{"}, id="bytes that are no text"),
        pytest.param({"data": "{nonsense"}, id="no JSON"),
        pytest.param({"data": '{"a": "\\u0000"}'}, id="an escaped NUL"),
        pytest.param({"state": "a\x00b", "data": '{"\x00": 1}'}, id="NUL itself"),
        pytest.param({"state": "s" * 65}, id="a state that is too long"),
        pytest.param({"expires_at": "9" * 18}, id="a time after all times"),
        pytest.param({"kind": "poem"}, id="an unknown kind"),
    ],
)
def test_an_entry_that_cannot_be_written_is_parked_after_five_more_attempts_and_holds_nothing_back(
    redis, changed
):
    (bad,) = acknowledge(redis, fields(1) | changed)
    acknowledge(redis, fields(2), fields(3))
    for attempts in range(5):
        apply_all(redis)
        assert {kept(2).version, kept(3).version} == {1}, "the others went on"
        assert apply_some(stream(redis)) == 0, "its time has not come"
        assert (left_on(redis), ParkedStateWrite.objects.count()) == (1, 0), attempts
        come_due(redis)
    apply_all(redis)
    parked = ParkedStateWrite.objects.get()
    assert (parked.domain, parked.entry, parked.attempts) == (DOMAIN, bad, 5)
    assert (left_on(redis), redis.exists(f"{key_of(DOMAIN)}:failed")) == (0, 0)
    assert parked.error


def test_attempts_come_after_2_4_8_16_and_32_seconds(redis, monkeypatch):
    waits = []
    postpone = apply.Stream.postpone

    def noting(self, entry_id, *, attempts, seconds):
        waits.append(seconds)
        postpone(self, entry_id, attempts=attempts, seconds=seconds)

    monkeypatch.setattr(apply.Stream, "postpone", noting)
    acknowledge(redis, {"hello": "world"})
    for _ in range(6):
        apply_all(redis)
        come_due(redis)
    assert waits == [2, 4, 8, 16, 32]
    assert ParkedStateWrite.objects.count() == 1


def test_where_the_last_version_cannot_be_written_the_one_before_it_is(redis):
    acknowledge(redis, fields(1, version=1), fields(1, version=2), fields(1, version=3, data="{nonsense"))
    apply_all(redis)
    assert (kept(1).version, left_on(redis)) == (2, 1)


def test_a_session_that_is_erased_is_taken_off_the_stream_unwritten(redis):
    acknowledge(redis, fields(1), fields(2), fields(1, version=2))
    assert stream(redis).withdraw({session_of(1)}) == 2
    apply_all(redis)
    assert [kept(2)] == list(SessionState.objects.all())


def test_every_domain_that_was_ever_noted_is_served_and_those_of_the_settings(redis):
    acknowledge(redis, fields(1), domain="left-over")
    redis.xadd(key_of("named"), fields(2))
    assert write_behind(redis, ["named"], budget=5) == 2
    assert sorted(SessionState.objects.values_list("domain", flat=True)) == ["left-over", "named"]
    assert write_behind(redis, ["named"], budget=5) == 0


def test_something_else_under_the_name_of_a_stream_holds_nobody_back(redis):
    redis.set(key_of("poisoned"), "hello")
    acknowledge(redis, fields(1))
    assert write_behind(redis, ["poisoned"], budget=5) == 1
    assert stream(redis, "poisoned").withdraw({session_of(1)}) == 0
