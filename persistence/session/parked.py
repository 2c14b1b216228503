"""Writes that could not be applied: kept aside, visible, and an operator's to try again or to discard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import DatabaseError, transaction

from persistence.models import ParkedStateWrite
from persistence.session.behind.entry import read_entry
from persistence.session.behind.rows import is_own_fault, write

FIELD_LIMIT = 64 * 1024  # characters; more than any write of ours, and little enough for rubbish
FIELDS_LIMIT = 64
ERROR_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of parked writes that were tried again; the failed ones stay parked."""

    applied: int
    failed: int


def park(domain: str, entry: str, fields: Mapping[str, str], *, attempts: int, error: Exception) -> None:
    """Keep a write aside; one that is parked already stays as it is. Raises DatabaseError."""
    ParkedStateWrite.objects.bulk_create(
        [
            ParkedStateWrite(
                domain=domain,
                entry=entry,
                fields=_storable(fields),
                attempts=attempts,
                error=told(error),
            )
        ],
        ignore_conflicts=True,
    )


def retry(
    *, ids: Sequence[int] | None = None, domain: str | None = None, entry: str | None = None
) -> Retried:
    """Try parked writes again, each by itself; None: whichever. Raises DatabaseError when Postgres does not answer."""
    applied = failed = 0
    for pk in _chosen(ids, domain, entry):
        with transaction.atomic():
            found = ParkedStateWrite.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
            if found is None:
                continue
            if _applied(found):
                found.delete()
                applied += 1
            else:
                failed += 1
    return Retried(applied, failed)


def discard(*, ids: Sequence[int] | None = None, domain: str | None = None, entry: str | None = None) -> int:
    """Delete parked writes for good; return how many."""
    return ParkedStateWrite.objects.filter(pk__in=_chosen(ids, domain, entry)).delete()[0]


def told(error: Exception) -> str:
    """Return an error without the values that it was about, which Postgres would quote."""
    if isinstance(error, DatabaseError):
        return f"Postgres refuses it (SQLSTATE {getattr(error.__cause__, 'pgcode', None) or 'unknown'})"
    return str(error)[:ERROR_LIMIT]


def _chosen(ids: Sequence[int] | None, domain: str | None, entry: str | None) -> list[int]:
    found = ParkedStateWrite.objects.order_by("pk")
    if ids is not None:
        found = found.filter(pk__in=ids)
    if domain is not None:
        found = found.filter(domain=domain)
    if entry is not None:
        found = found.filter(entry=entry)
    return list(found.values_list("pk", flat=True))


def _applied(parked: ParkedStateWrite) -> bool:
    """Write it; what fails by itself is noted on the row."""
    try:
        with transaction.atomic():
            write(parked.domain, [read_entry(parked.fields)], last_entry=parked.entry, applied=1)
    except (DatabaseError, ValueError) as error:
        if not is_own_fault(error):
            raise
        parked.error = told(error)
        parked.save(update_fields=["error"])
        return False
    return True


def _storable(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what Postgres takes as JSON: without NUL, and of rubbish only as much as shows what it was."""
    return {_plain(name): _plain(value) for name, value in list(fields.items())[:FIELDS_LIMIT]}


def _plain(text: str) -> str:
    return text.replace("\x00", "\\x00")[:FIELD_LIMIT]
