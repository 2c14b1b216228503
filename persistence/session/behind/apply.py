"""The use-case: take from the streams, write to Postgres, settle. A crash at any point applies the same again."""

import logging
import time
from collections.abc import Iterable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from redis import Redis, RedisError

from persistence.hot.client import HotUnavailable, hot, patient
from persistence.session.behind.entry import Entry, newest, read_entry
from persistence.session.behind.rows import is_own_fault, write
from persistence.session.behind.stream import BATCH, Raw, Stream, with_entries
from persistence.session.parked import park

# Seconds before each further attempt of an entry that fails by itself; after the last one it is parked.
DELAYS = (2, 4, 8, 16, 32)
log = logging.getLogger(__name__)


def keep_up(*, budget: float) -> None:
    """Apply what the Redis of the settings holds, also for domains that are not Redis-first any more.

    An outage of either server is noted and left to the next tick: all entries stay where they are.
    """
    domains = settings.SESSION_STATE_REDIS_FIRST_DOMAINS
    try:
        # Asked through the breaker first: a server that hangs must not hold a worker up at every tick.
        if hot().call(lambda redis: with_entries(redis, domains), operation="write_behind"):
            write_behind(patient(), domains, budget=budget)
    except (HotUnavailable, RedisError) as error:
        level = logging.WARNING if settings.SESSION_STATE_BACKEND == "redis-first" else logging.DEBUG
        log.log(level, "nothing was written behind, because Redis does not answer: %s", error)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        log.warning("nothing was written behind, because Postgres does not answer: %s", type(error).__name__)


def write_behind(redis: Redis, domains: Iterable[str], *, budget: float) -> int:
    """Apply what is on the streams until nothing is due or ``budget`` seconds are used up; return how many entries.

    ``domains`` are looked at besides those that were ever noted in Redis. One cheap question when there is nothing.
    Raises RedisError and DatabaseError when one of the two does not answer: nothing is spent, all entries stay.
    """
    until = time.monotonic() + budget
    settled, waiting = 0, with_entries(redis, domains)
    while waiting and time.monotonic() < until:
        counts = {domain: apply_some(Stream(redis, domain)) for domain in waiting}
        settled += sum(counts.values())
        waiting = [domain for domain, count in counts.items() if count]
    return settled


def apply_some(stream: Stream, count: int = BATCH) -> int:
    """Apply one batch of a domain and return how many entries were settled or postponed; 0: nothing was due.

    1. Take entries. 2. Write the last version of each session, in one transaction. 3. Take them off the stream.
    Where an entry fails by itself, all are written one by one, and the culprit waits for its next attempt.
    """
    taken = stream.take(count)
    try:
        written = _write_together(stream.domain, taken.fresh)
        if written is None:
            written = [raw for raw in taken.fresh if _tried(stream, raw, attempts=0)]
        written += [raw for raw in taken.again if _tried(stream, raw, attempts=(raw.attempts or 0) + 1)]
    except DatabaseError:
        stream.give_back(taken.ids())
        raise
    stream.settle([raw.entry_id for raw in written])
    return len(taken.ids())


def _write_together(domain: str, raws: list[Raw]) -> list[Raw] | None:
    """Write a batch and return it; None when something in it cannot be written."""
    if not raws:
        return []
    try:
        entries = [read_entry(raw.fields) for raw in raws]
        _write(domain, raws, newest(entries))
    except (DatabaseError, ValueError) as error:
        if not is_own_fault(error):
            raise
        return None
    return raws


def _tried(stream: Stream, raw: Raw, *, attempts: int) -> bool:
    """Write one entry; True when it is done with. What fails by itself is postponed, or after all attempts parked."""
    try:
        _write(stream.domain, [raw], [read_entry(raw.fields)])
    except (DatabaseError, ValueError) as error:
        if not is_own_fault(error):
            raise
        return _failed(stream, raw, attempts, error)
    return True


def _failed(stream: Stream, raw: Raw, attempts: int, error: Exception) -> bool:
    if attempts < len(DELAYS):
        stream.postpone(raw.entry_id, attempts=attempts, seconds=DELAYS[attempts])
        return False
    park(stream.domain, raw.entry_id, raw.fields, attempts=attempts, error=error)
    log.error(
        "a write of session state was parked: entry %s of domain %s failed %d times. "
        "Nothing else waits for it; see manage.py sessions status",
        raw.entry_id,
        stream.domain,
        attempts,
    )
    return True


def _write(domain: str, raws: list[Raw], entries: list[Entry]) -> None:
    last = max((raw.entry_id for raw in raws), key=_order)
    write(domain, entries, last_entry=last, applied=len(raws))


def _order(entry_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in entry_id.split("-"))
