"""What Postgres itself says of where its time goes, where the extension pg_stat_statements is there to be read."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import Error, connection, transaction

from persistence.history import BACKWARD, FORWARD

SCHEMA = """
SELECT quote_ident(schema.nspname) FROM pg_extension JOIN pg_namespace AS schema ON schema.oid = extnamespace
WHERE extname = 'pg_stat_statements'
"""
# toplevel: what a function runs within is counted with the function already.
SHARES = """
SELECT coalesce(sum(total_exec_time), 0) / 1000,
       coalesce(sum(calls) FILTER (WHERE query ~ ANY (%(history)s)), 0)::bigint,
       coalesce(sum(total_exec_time) FILTER (WHERE query ~ ANY (%(history)s)), 0) / 1000,
       coalesce(sum(calls) FILTER (WHERE query LIKE '%%persistence\\_%%session\\_state%%'), 0)::bigint,
       coalesce(sum(total_exec_time) FILTER (WHERE query LIKE '%%persistence\\_%%session\\_state%%'), 0) / 1000,
       (SELECT stats_reset FROM {schema}.pg_stat_statements_info)
FROM {schema}.pg_stat_statements
WHERE toplevel AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@dataclass(frozen=True, slots=True)
class Statements:
    """Calls and seconds since ``since``, over everybody who uses this database."""

    seconds: float
    history_calls: int
    history_seconds: float
    state_calls: int
    state_seconds: float
    since: datetime


def statements() -> Statements | None:
    """Return what pg_stat_statements counted; None where it is not installed, not loaded, or not ours to read."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SCHEMA)
            schema = cursor.fetchone()
            if schema is None:
                return None
            history = [pattern(FORWARD), pattern(BACKWARD)]
            cursor.execute(SHARES.format(schema=schema[0]), {"history": history})
            return Statements(*cursor.fetchone())
    except Error:
        if not connection.is_usable():
            raise
        return None


def pattern(statement: str) -> str:
    """Return the regular expression of a statement as pg_stat_statements keeps it, with ``$1`` for what was passed."""
    parts = re.split(r"%\(\w+\)s", statement.strip())
    return r"\$\d+".join(re.escape(part).replace(r"\ ", " ").replace("\\\n", "\n") for part in parts)
