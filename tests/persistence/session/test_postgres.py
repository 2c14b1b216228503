"""What is particular to session state in Postgres: locks, durability, lost connections, and how the table bears it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from persistence.session.errors import SessionStateUnavailable
from persistence.session.postgres import PostgresStore
from tests.contracts.session_state.kit import Told, heard, in_threads
from tests.persistence.session.postgreskit import (
    another_hand,
    expire,
    lose_the_connection,
    postgres_is_refused,
    row_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = {
    "get": lambda told: told.get(),
    "put": lambda told: told.put(),
    "touch": lambda told: told.try_to_touch(),
    "clear": lambda told: told.clear(),
    "subscribe": lambda told: told.listen().__enter__(),
    "forget": lambda told: told.store.forget(iter([told.name])),
}
BLOCKED_BY = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
CHANGES = ("put", "touch", "clear")


@pytest.fixture
def told():
    return Told(PostgresStore())


@pytest.fixture
def impatient():
    """Whoever waits a second for anything is told that Postgres did not answer; that is before any lock's time-out."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 1000")
    yield
    connection.close()


def raw_put(cursor, told):
    """Write the session's state without committing it."""
    cursor.execute(
        "SELECT persistence_put_session_state(%s, 'demo', 'web', 'a', '{}', 1, NULL, NULL, NULL, true, NULL, 60, false)",
        [bytes.fromhex(told.session)],
    )


@pytest.mark.parametrize(
    "there", [True, False], ids=["a row that is being changed", "a row that is being begun"]
)
def test_a_turn_does_not_wait_for_somebody_who_writes_the_same_session(told, impatient, there):
    if there:
        told.put()
    with another_hand() as cursor:
        raw_put(cursor, told)
        assert told.try_to_touch() is None
    assert told.try_to_touch() is not None


def test_a_turn_does_not_wait_for_a_lock_on_the_table(told, impatient):
    told.put()
    with another_hand() as cursor:
        cursor.execute("LOCK TABLE persistence_session_state")
        assert told.try_to_touch() is None


def test_a_put_that_waits_too_long_for_a_lock_says_that_it_did_nothing(told):
    before = told.put()
    with another_hand() as cursor:
        raw_put(cursor, told)
        with pytest.raises(SessionStateUnavailable):
            told.put("other")
    assert told.get() == before


def put_behind(cursor, told):
    """Put while the other hand holds the session's row, let that one commit, and return what was kept then."""
    with ThreadPoolExecutor(1) as beside:
        putting = beside.submit(in_threads, 1, lambda _: told.put("new"))
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
        with connection.cursor() as mine:
            blocked = 0
            while not blocked:
                assert not putting.done(), "it did not wait"
                mine.execute(BLOCKED_BY, [pid])
                blocked = mine.fetchone()[0]
        cursor.connection.commit()
        return putting.result()[0]


def test_who_waits_for_a_row_that_is_taken_away_begins_a_new_one(told):
    told.put("old", {"a": 1}, confidence=0.5)
    with another_hand() as cursor:
        cursor.execute(
            "DELETE FROM persistence_session_state WHERE session_hash = %s", [bytes.fromhex(told.session)]
        )
        kept = put_behind(cursor, told)
    assert kept == told.get()
    assert (kept.state, kept.data, kept.confidence) == ("new", {}, None)


def test_who_waits_for_a_row_that_is_being_begun_follows_on_it(told):
    with another_hand() as cursor:
        raw_put(cursor, told)
        kept = put_behind(cursor, told)
    assert kept == told.get()
    assert 0 < row_of(told).previous < kept.version


@pytest.mark.parametrize(("change", "waits"), [("put", "on"), ("touch", "off"), ("clear", "on")])
def test_a_change_is_durable_when_it_returns_but_for_a_touch(told, change, waits):
    told.put()
    statements = []

    def note(execute, sql, params, many, context):
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        CALLS[change](told)
    [(sql, params)] = statements
    with another_hand() as cursor:
        cursor.execute(sql, params)
        cursor.execute("SELECT current_setting('synchronous_commit')")
        assert cursor.fetchone()[0] == waits
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('synchronous_commit')")
        assert cursor.fetchone()[0] == "on", "it must not outlast its own transaction"


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_refuses_to_be_part_of_somebodys_transaction(told, change):
    before = told.put()
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        CALLS[change](told)
    assert told.get() == before


@pytest.mark.parametrize("call", CALLS)
def test_without_postgres_nothing_is_said_about_a_state(told, call):
    with postgres_is_refused(), pytest.raises(SessionStateUnavailable):
        CALLS[call](told)


@pytest.mark.parametrize("call", CALLS)
def test_a_connection_that_is_lost_is_lost_for_one_call(told, call):
    told.put()
    lose_the_connection()
    with pytest.raises(SessionStateUnavailable):
        CALLS[call](told)
    CALLS[call](told)


def test_a_subscriber_lives_through_an_outage(told):
    present = told.put()
    with told.listen(present.version) as subscription:
        lose_the_connection()
        assert subscription.next(0.3) is None
        with postgres_is_refused():
            assert subscription.next(0.6) is None
        after = told.put()
        assert [change.version for change in heard(subscription, after.version)] == [after.version]


def test_a_subscriber_needs_no_connection_of_its_own_between_two_questions(told):
    with told.listen() as subscription:
        connection.close()
        begun = told.put()
        connection.close()
        assert heard(subscription, begun.version)[-1].state == begun


def test_a_subscriber_asks_four_times_a_second_however_often_it_is_asked(told):
    asked = []

    def note(execute, sql, params, many, context):
        asked.append(sql)
        return execute(sql, params, many, context)

    with told.listen() as subscription, connection.execute_wrapper(note):
        for _ in range(100):
            assert subscription.next(0.001) is None
    assert len(asked) <= 2


def test_a_turn_moves_its_row_without_touching_the_indexes(told):
    told.put(data={"a": "x" * 500})
    with another_hand() as cursor:
        for _ in range(3):
            cursor.execute(
                "SELECT persistence_touch_session_state(%s, 'demo', 'web', gen_random_uuid(), 0.5, 1, 'a', 60, false)",
                [bytes.fromhex(told.session)],
            )
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_updated(oid), pg_stat_get_xact_tuples_hot_updated(oid)"
            " FROM pg_class WHERE relname = 'persistence_session_state'"
        )
        assert cursor.fetchone() == (3, 3)


def test_what_is_cleared_leaves_nothing_of_its_content(told):
    told.put("secret-state", {"name": "secret"}, confidence=0.5)
    told.touch()
    told.clear()
    row = row_of(told)
    assert (row.state, row.data, row.confidence, row.turn_id, row.cleared) == ("", {}, None, None, True)


def test_the_row_of_a_state_whose_time_has_passed_is_used_again(told):
    before = told.put("old", {"a": 1}, confidence=0.5)
    expire(told)
    begun = told.touch(None, initial="running")
    assert (begun.state, begun.data, begun.confidence) == ("running", {}, None)
    assert begun.version > before.version
    assert row_of(told).previous == 0


def test_a_clock_that_was_ahead_gives_no_version_twice(told):
    told.put()
    ahead = 2**45
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE persistence_session_state SET version = %s WHERE session_hash = %s",
            [ahead, bytes.fromhex(told.session)],
        )
    assert [told.put().version, told.touch().version, told.clear()] == [ahead + 1, ahead + 2, ahead + 3]
