"""A second hand on the same Postgres, and a Postgres that is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from config.services.process import reserve_port
from persistence.models import SessionState
from tests.contracts.session_state.kit import Told


@contextmanager
def another_hand() -> Iterator[Any]:
    """A cursor on a connection of its own, in a transaction that is rolled back in the end."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            yield cursor
        other.rollback()
    finally:
        other.close()


@contextmanager
def postgres_is_refused() -> Iterator[None]:
    """For this thread, Postgres is where nobody listens."""
    port = connection.settings_dict["PORT"]
    connection.close()
    with reserve_port(0) as reservation:
        connection.settings_dict["PORT"] = reservation.getsockname()[1]
        try:
            yield
        finally:
            connection.settings_dict["PORT"] = port
            connection.close()


def lose_the_connection() -> None:
    """End this thread's server process behind its back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    with another_hand() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def row_of(told: Told) -> SessionState:
    return SessionState.objects.get(session_hash=bytes.fromhex(told.session))


def expire(told: Told) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE persistence_session_state SET expires_at = clock_timestamp() WHERE session_hash = %s",
            [bytes.fromhex(told.session)],
        )
