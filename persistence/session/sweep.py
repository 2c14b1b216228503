"""Take session states out of Postgres whose time has passed. Nobody sees them any more; this gives back their room."""

from django.db import connection

BATCH = 1000
MOST_BATCHES = 100  # in one sweep; the next one goes on
# Along the primary key, so that one sweep reads the table once. What is being written at this moment is skipped.
SWEEP = """
DELETE FROM persistence_session_state WHERE id = ANY (ARRAY(
    SELECT id FROM persistence_session_state WHERE id > %s AND expires_at <= clock_timestamp()
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING id
"""


def sweep_expired(batch: int = BATCH) -> int:
    """Delete what has expired, ``batch`` rows in each of at most ``MOST_BATCHES`` transactions; return how many."""
    deleted = last = 0
    for _ in range(MOST_BATCHES):
        with connection.cursor() as cursor:
            cursor.execute(SWEEP, [last, batch])
            gone = [row[0] for row in cursor.fetchall()]
        deleted += len(gone)
        if len(gone) < batch:
            break
        last = max(gone)
    return deleted
