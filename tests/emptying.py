"""How the database is emptied after a test that committed.

Django truncates every table, which makes new files for each of them and their indexes, and then fills in permissions
and groups anew: 400 ms, however little the test stored. Here the few rows that a test stores are deleted, and what
migrations filled in stays where no test has touched it. Tables that hold more are truncated as ever.
"""

from typing import Any

from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

FEW = 500  # rows; of more, the checks of foreign keys cost what a truncation would
# What is still pointed to is left for the next round, when what points to it is gone.
EMPTY = """
DO $$
DECLARE
    one text;
    many bigint;
    filled text[] := '{{}}';
    held text[];
BEGIN
    FOREACH one IN ARRAY ARRAY[{tables}] LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT {few} + 1) AS found', one) INTO many;
        IF many > {few} THEN
            TRUNCATE {truncated};
            RETURN;
        ELSIF many > 0 THEN
            filled := filled || one;
        END IF;
    END LOOP;
    WHILE cardinality(filled) > 0 LOOP
        held := '{{}}';
        FOREACH one IN ARRAY filled LOOP
            BEGIN
                EXECUTE format('DELETE FROM %I', one);
            EXCEPTION WHEN foreign_key_violation THEN
                held := held || one;
            END;
        END LOOP;
        filled := held;
    END LOOP;
END $$;
"""
FILLED_IN = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
FINGERPRINT = "SELECT md5(concat({}))".format(
    ", ".join(f"(SELECT string_agg(row::text, ' ' ORDER BY id) FROM {table} AS row)" for table in FILLED_IN)
)

truncate_all, fill_in = DatabaseOperations.sql_flush, flush.emit_post_migrate_signal
_as_filled_in: str | None = None


def sql_flush(
    self: DatabaseOperations,
    style: Any,
    tables: list[str],
    *,
    reset_sequences: bool = False,
    allow_cascade: bool = False,
) -> list[str]:
    """Return what empties the tables; Django's own answer where more than that is asked for."""
    if not tables or reset_sequences or allow_cascade or not filled_in():
        return truncate_all(self, style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade)
    emptied = [table for table in tables if table not in FILLED_IN]
    named = ", ".join(f"'{table}'" for table in emptied)
    return [EMPTY.format(few=FEW, tables=named, truncated=", ".join(map(self.quote_name, emptied)))]


def emit_post_migrate_signal(*args: Any, **kwargs: Any) -> None:
    """Fill in what migrations fill in, unless it is all there."""
    global _as_filled_in
    if not filled_in():
        fill_in(*args, **kwargs)
        _as_filled_in = fingerprint()


def filled_in() -> bool:
    """Say whether permissions and groups are as migrations left them."""
    return _as_filled_in is not None and fingerprint() == _as_filled_in


def fingerprint() -> str:
    """Return a digest of what migrations fill in."""
    with connection.cursor() as cursor:
        cursor.execute(FINGERPRINT)
        found: str = cursor.fetchone()[0]
    return found


def delete_what_little_there_is() -> None:
    """Let Django empty tables in this way from now on, in this process."""
    DatabaseOperations.sql_flush = sql_flush  # type: ignore[method-assign]
    flush.emit_post_migrate_signal = emit_post_migrate_signal
