"""What Postgres keeps of sessions, as Redis takes it over: after an outage, and where Redis has lost a session."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from persistence.database import translated
from persistence.errors import PersistenceUnavailable
from persistence.session.errors import SessionStateUnavailable
from persistence.session.postgres import FIELDS, state_of
from persistence.session.redis import Copy

COLUMNS = f"id, cleared, domain, channel, encode(session_hash, 'hex'), expires_at, {', '.join(FIELDS)}"
LIVE = f"""
SELECT {COLUMNS} FROM persistence_session_state
WHERE session_hash = %s AND domain = %s AND expires_at > clock_timestamp()
"""
UNHEALED = f"SELECT {COLUMNS} FROM persistence_session_state WHERE unhealed AND id > %s ORDER BY id LIMIT %s"


def copy_of_session(domain: str, session: str) -> Copy | None:
    """Return what Postgres has of a session whose time has not passed, a clearing included.

    Raises SessionStateUnavailable when Postgres does not answer.
    """
    try:
        with translated(), connection.cursor() as cursor:
            cursor.execute(LIVE, [bytes.fromhex(session), domain])
            row = cursor.fetchone()
    except PersistenceUnavailable as error:
        raise SessionStateUnavailable("Postgres did not answer") from error
    return _copy(row) if row else None


def unhealed_copies(after: int, limit: int) -> list[tuple[int, Copy]]:
    """Return what Redis is still to be told, by row id, from ``after`` on. Raises OperationalError, InterfaceError."""
    with connection.cursor() as cursor:
        cursor.execute(UNHEALED, [after, limit])
        return [(row[0], _copy(row)) for row in cursor.fetchall()]


def _copy(row: Sequence[Any]) -> Copy:
    _, cleared, domain, channel, session, expires_at, *fields = row
    known = dict(zip(FIELDS, fields, strict=True))
    return Copy(
        domain=domain,
        channel=channel,
        session=session,
        version=known["version"],
        previous=known["previous"],
        updated_at=known["updated_at"],
        expires_at=expires_at,
        state=None if cleared else state_of(domain, fields),
    )
