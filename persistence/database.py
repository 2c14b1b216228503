"""Where Postgres' own errors become Holdfast's, once."""

from collections.abc import Iterator
from contextlib import contextmanager

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
