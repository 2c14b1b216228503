"""Writing what the streams hold into Postgres. Versions are the referee: an older write never replaces a newer one."""

from collections.abc import Sequence

from django.db import DatabaseError, connection, transaction

from persistence.session.behind.entry import Entry

# Data that cannot be stored, a constraint, a limit of Postgres: the entry's own fault. Whatever else Postgres says
# (no answer, no space, no table) is an outage, and costs no entry an attempt.
OWN_FAULTS = ("22", "23", "54")

UPSERT = """
INSERT INTO persistence_session_state AS kept (session_hash, domain, channel, state, confidence, turn_id, version,
    previous, redaction_version, data, cleared, unhealed, updated_at, expires_at)
SELECT decode(session, 'hex'), %s, channel, state, confidence, turn_id, version, previous, redaction_version,
    data::jsonb, cleared, false, to_timestamp(updated_at / 1000.0), to_timestamp(expires_at / 1000.0)
FROM unnest(%s::text[], %s::text[], %s::text[], %s::float8[], %s::uuid[], %s::bigint[], %s::bigint[], %s::int[],
    %s::text[], %s::bool[], %s::bigint[], %s::bigint[])
  AS entry (session, channel, state, confidence, turn_id, version, previous, redaction_version, data, cleared,
    updated_at, expires_at)
ON CONFLICT (session_hash) DO UPDATE SET domain = excluded.domain, channel = excluded.channel,
    state = excluded.state, confidence = excluded.confidence, turn_id = excluded.turn_id, version = excluded.version,
    previous = excluded.previous, redaction_version = excluded.redaction_version, data = excluded.data,
    cleared = excluded.cleared, unhealed = false, updated_at = excluded.updated_at, expires_at = excluded.expires_at
WHERE excluded.version > kept.version
"""

# Several workers may come this way in any order: the checkpoint only moves on.
CHECKPOINT = """
INSERT INTO persistence_state_checkpoint AS known (domain, last_entry, applied, changed_at)
VALUES (%s, %s, %s, clock_timestamp())
ON CONFLICT (domain) DO UPDATE SET applied = known.applied + excluded.applied, changed_at = excluded.changed_at,
    last_entry = CASE WHEN string_to_array(excluded.last_entry, '-')::numeric[]
                         > string_to_array(known.last_entry, '-')::numeric[]
                      THEN excluded.last_entry ELSE known.last_entry END
"""


def write(domain: str, entries: Sequence[Entry], *, last_entry: str, applied: int) -> None:
    """Keep these writes and how far they bring the domain, in one transaction.

    ``entries`` hold each session once, sorted (see ``newest``); ``applied`` is how many writes they stand for. Raises
    DatabaseError; ``is_own_fault`` tells what it means.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(UPSERT, [domain, *_columns(entries)])
        cursor.execute(CHECKPOINT, [domain, last_entry, applied])


def is_own_fault(error: Exception) -> bool:
    """Say whether what failed is what was written, and not whoever should have kept it."""
    if isinstance(error, DatabaseError):
        return str(getattr(error.__cause__, "pgcode", None) or "")[:2] in OWN_FAULTS
    return isinstance(error, ValueError)


def _columns(entries: Sequence[Entry]) -> list[list[object]]:
    """Return the entries by column, in the order of the statement."""
    return [
        [entry.session for entry in entries],
        [entry.channel for entry in entries],
        [entry.state for entry in entries],
        [entry.confidence for entry in entries],
        [entry.turn_id for entry in entries],
        [entry.version for entry in entries],
        [entry.previous for entry in entries],
        [entry.redaction_version for entry in entries],
        [entry.data for entry in entries],
        [entry.cleared for entry in entries],
        [entry.updated_at for entry in entries],
        [entry.expires_at for entry in entries],
    ]
