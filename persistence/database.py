"""Where Postgres' own errors become Holdfast's, once; and what time it is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection

from persistence.errors import PersistenceUnavailable


@contextmanager
def translated() -> Iterator[None]:
    """Turn "Postgres did not answer" into PersistenceUnavailable, and drop the connection that it happened on.

    Covers refused and lost connections, time-outs of statement and lock, a full disk, no free connection slot, and a
    server that is starting, stopping or read-only. An error of another kind is a defect and passes.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if not connection.in_atomic_block:
            connection.close()
        raise PersistenceUnavailable from error


def database_now() -> datetime:
    """Return the time by the one clock that all rows are stamped with; it moves on inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found
