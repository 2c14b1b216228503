"""What lies off-box and in Redis of a customer who was erased: deleted in passes, the last one when nobody can be
storing any more.

A pass only ever deletes; doing it twice, or twice at once, harms nothing. What stops a pass is kept on the record
with what to do about it, and the next one begins where there is still something left.
"""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from outbox.forget import forget_late
from persistence.archive.documents import prefixes_of
from persistence.archive.objects import key_of
from persistence.archive.sinks import Deletes, SinkError, open_sink
from persistence.archive.store import sink_config
from persistence.claim_check.store import claims_store
from persistence.database import translated
from persistence.hot.client import HotUnavailable
from persistence.models import ErasureRecord
from persistence.subject.hot import forget_hot

FIRST_PASS_SECONDS = 5.0  # whoever erases waits for it
PASS_SECONDS = 120.0
LEASE_SECONDS = 600.0  # a pass whose process died is taken up again after that
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 60.0, 3600.0
MAX_ERROR, SEPARATOR = 600, " · "
# Nobody else begins a pass until this one has ended, or its process is long dead.
TAKE = """
UPDATE persistence_erasure_record SET next_pass_at = clock_timestamp() + %(lease)s * interval '1 second'
WHERE id = %(id)s AND finished_at IS NULL AND next_pass_at <= clock_timestamp()
RETURNING next_pass_at, clock_timestamp() >= last_pass_after
"""
DUE = """
SELECT id FROM persistence_erasure_record
WHERE finished_at IS NULL AND next_pass_at <= clock_timestamp() ORDER BY next_pass_at, id
"""
LATE_CLAIMS = "SELECT key FROM persistence_claim_check WHERE event_id = ANY (%(events)s::uuid[]) ORDER BY id"
FORGET_CLAIMS = "DELETE FROM persistence_claim_check WHERE key = ANY (%(keys)s)"
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Pass:
    """One pass: how many objects it deleted, whether it came to the end, and what stood in its way, by store."""

    ends_at: float  # time.monotonic()
    deleted: int = 0
    complete: bool = True
    errors: dict[str, str] = field(default_factory=dict)

    def out_of_time(self) -> bool:
        """Say whether the pass has to stop here, and remember that it did."""
        if time.monotonic() < self.ends_at:
            return False
        self.complete = False
        return True


def finish_open() -> int:
    """Make a pass over every erasure that is due, and return how many."""
    with translated(), connection.cursor() as cursor:
        cursor.execute(DUE)
        due = [pk for (pk,) in cursor.fetchall()]
    ends_at = time.monotonic() + PASS_SECONDS
    done = 0
    for pk in due:
        left = ends_at - time.monotonic()
        if left <= 0:
            break
        if record := ErasureRecord.objects.filter(pk=pk).first():
            finish(record, seconds=left)
            done += 1
    return done


def finish(record: ErasureRecord, *, seconds: float = FIRST_PASS_SECONDS) -> ErasureRecord:
    """Make one pass, unless one is under way or none is due, and return the record as it stands now.

    1. take the record · 2. delete the archive's objects, the claims, what Redis has, what workers wrote down late ·
    3. write down how far it came. After ``seconds`` it stops, and the task goes on. No store's refusal is raised: it
    stands in ``last_error`` (also ``failed_stores``). Raises PersistenceUnavailable.
    """
    with translated():
        taken = take(record)
        if taken is not None:
            until, is_last = taken
            done = Pass(time.monotonic() + seconds)
            guarded(done, "archive", lambda: delete_archived(record, done))
            guarded(done, "claims", lambda: delete_claims(record, done))
            guarded(done, "hot", lambda: delete_hot(record))
            forget_late(record.late.get("keys", []))
            settle(record, done, until, is_last=is_last)
        record.refresh_from_db()
    return record


def take(record: ErasureRecord) -> tuple[datetime, bool] | None:
    """Keep others from the record; return until when, and whether this may be the last pass; None: not due."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"id": record.pk, "lease": LEASE_SECONDS})
        row: tuple[datetime, bool] | None = cursor.fetchone()
    return row


def guarded(done: Pass, store: str, act: Callable[[], None]) -> None:
    """Run one store's share; what the store refuses is noted with what to do, and the other store is still asked."""
    try:
        act()
    except SinkError as error:
        done.errors[store] = f"{error.code}: {error}"
    except HotUnavailable as error:
        done.errors[store] = (
            f"{error.reason}: Redis did not confirm; what it has ends with its time to live at the latest"
        )
    except ValueError as error:  # a setting that cannot work
        done.errors[store] = f"not_configured: {error}"


def delete_archived(record: ErasureRecord, done: Pass) -> None:
    """Delete the objects of the record's conversations and of no others, by the prefixes of their keys."""
    sink = open_sink(sink_config())
    try:
        listed = (
            stored.key
            for conversation_id in (UUID(one["id"]) for one in record.conversations)
            for prefix in (prefix_of(conversation_id), *prefixes_of(conversation_id))
            for stored in sink.list(prefix)
        )
        for batch in deleted(sink, listed, done):
            done.deleted += len(batch)
    finally:
        sink.close()


def delete_claims(record: ErasureRecord, done: Pass) -> None:
    """Delete the objects that were stored for the record's events, those included that a worker stored late.

    A late one's row goes when its object has gone, so that a pass that fails in between finds it again.
    """
    with connection.cursor() as cursor:
        cursor.execute(LATE_CLAIMS, {"events": record.late.get("events", [])})
        late = [key for (key,) in cursor.fetchall()]
    if not (record.claims or late):
        return
    for batch in deleted(claims_store(), iter([*record.claims, *late]), done):
        with connection.cursor() as cursor:
            cursor.execute(FORGET_CLAIMS, {"keys": batch})


def delete_hot(record: ErasureRecord) -> None:
    """Delete what Redis has of the record's sessions and conversations."""
    conversations = [UUID(conversation["id"]) for conversation in record.conversations]
    forget_hot(record.domain, record.late.get("sessions", []), conversations)


def deleted(sink: Deletes, keys: Iterator[str], done: Pass) -> Iterator[list[str]]:
    """Delete these keys, some at once, and yield what is gone; stop when the pass is out of time.

    Raises SinkError: at once when the store is out, and at the end when it refused single objects only, so that one
    of them keeps no other from going.
    """
    refused: SinkError | None = None

    def delete(key: str) -> SinkError | None:
        try:
            sink.delete(key)
        except SinkError as error:
            return error
        return None

    at_once = settings.ARCHIVE_CONCURRENCY
    with ThreadPoolExecutor(at_once, thread_name_prefix="erasure") as threads:
        while not done.out_of_time() and (batch := list(islice(keys, at_once))):
            errors = list(threads.map(delete, batch))
            yield [key for key, error in zip(batch, errors, strict=True) if error is None]
            for error in filter(None, errors):
                if error.endpoint_down:
                    raise error
                refused = error
    if refused:
        raise refused


def settle(record: ErasureRecord, done: Pass, until: datetime, *, is_last: bool) -> None:
    """Write down how far the pass came and when the next one is due, unless another took the record over."""
    mine = ErasureRecord.objects.filter(pk=record.pk, next_pass_at=until)
    counted = {"objects_deleted": F("objects_deleted") + done.deleted}
    if done.errors:
        failures = record.failures + 1
        longest = MAX_ERROR // len(done.errors) - len(SEPARATOR)
        said = SEPARATOR.join(f"{store}: {error}"[:longest] for store, error in done.errors.items())
        log.warning("erasure %s is not finished and is tried again: %s", record.erasure_id, said)
        mine.update(
            **counted,
            failures=failures,
            last_error=said,
            next_pass_at=Now() + timedelta(seconds=back_off(failures)),
        )
    elif not done.complete:
        mine.update(**counted, next_pass_at=Now())
    elif is_last:
        mine.update(**counted, failures=0, last_error="", finished_at=Now(), claims=[], late={})
        log.info("erasure %s is finished", record.erasure_id)
    else:
        mine.update(**counted, failures=0, last_error="", next_pass_at=F("last_pass_after"))


def back_off(failures: int) -> float:
    """Return the seconds until the next pass after so many failures in a row: a minute, doubling, an hour at most."""
    return float(min(RETRY_SECONDS * 2 ** min(failures - 1, 10), LONGEST_RETRY_SECONDS))


def prefix_of(conversation_id: UUID) -> str:
    """Return what the keys of all turns of a conversation, and of no other, begin with."""
    return key_of(conversation_id, 0).removesuffix("0000000000.json")


def failed_stores(record: ErasureRecord) -> dict[str, str]:
    """Return what the last pass was refused, by store (``archive``, ``claims``, ``hot``)."""
    said = record.last_error.split(SEPARATOR) if record.last_error else []
    return dict(one.split(": ", 1) for one in said)
