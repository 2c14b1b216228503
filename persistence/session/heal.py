"""After an outage: tell Redis what Postgres kept for it. May be done twice, and by several at once."""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

from persistence.hot.client import Hot, hot
from persistence.session.copies import unhealed_copies
from persistence.session.errors import SessionStateUnavailable
from persistence.session.levels import is_redis_first, uses_redis
from persistence.session.redis import Copy, RedisStore

BATCH = 200
log = logging.getLogger(__name__)

# Only the versions that Redis was told: a process for which it is still out may have written a row again since. A row
# that is locked is being written at this moment, and left to the next round.
TOLD = """
SELECT kept.id FROM persistence_session_state AS kept
JOIN unnest(%s::bigint[], %s::bigint[]) AS told (id, version) ON kept.id = told.id AND kept.version = told.version
WHERE kept.unhealed ORDER BY kept.id FOR UPDATE OF kept SKIP LOCKED
"""
DELETE = f"DELETE FROM persistence_session_state WHERE id = ANY (ARRAY({TOLD}))"
CALL_OFF = "UPDATE persistence_session_state SET unhealed = false WHERE unhealed"
MARK = f"UPDATE persistence_session_state SET unhealed = false WHERE id = ANY (ARRAY({TOLD}))"


def healing_hot() -> Hot:
    """Return this process' client of Redis, which is told what it missed before it is used again after an outage."""
    client = hot()
    client.on_heal(heal_before_use)
    return client


def heal_before_use() -> None:
    """Tell Redis what it missed. Raises SessionStateUnavailable when it goes out again on the way.

    Without Postgres nobody can say what it missed: Redis goes on with what it has, and the task heals it later.
    """
    try:
        heal_states()
    except (OperationalError, InterfaceError) as error:
        connection.close()
        log.warning(
            "Redis is used again unhealed, because Postgres does not answer: %s", type(error).__name__
        )


def heal_in_passing() -> None:
    """Tell Redis what it missed, if both can be had now; otherwise the next tick does."""
    try:
        heal_states()
    except SessionStateUnavailable as error:
        log.info("Redis cannot be healed now: %s", error.reason)
    except (OperationalError, InterfaceError) as error:
        connection.close()
        log.warning("Redis cannot be healed, because Postgres does not answer: %s", type(error).__name__)


def heal_states() -> int:
    """Heal the Redis of the settings; return how many rows are settled. Raises as ``heal`` does.

    After a step down to level 0 there is none: what was marked for it is simply the state now.
    """
    if uses_redis():
        return heal(RedisStore(hot()), keeps_rows=is_redis_first)
    with connection.cursor() as cursor:
        cursor.execute(CALL_OFF)
        return cursor.rowcount


def heal(store: RedisStore, *, keeps_rows: Callable[[str], bool]) -> int:
    """Tell Redis what was written while it was out, wherever that is newer; return how many rows are settled.

    Where a domain ``keeps_rows`` (it is written behind), they stay as its copy; elsewhere they have done their duty and
    are deleted. Costs one look into an index when there is nothing. Raises SessionStateUnavailable when Redis is out
    again, OperationalError or InterfaceError when Postgres is; what was told is settled, the rest is told next time.
    """
    settled = last = 0
    while found := unhealed_copies(last, BATCH):
        store.adopt(copy for _, copy in found)
        kept = [(pk, copy) for pk, copy in found if keeps_rows(copy.domain)]
        gone = [(pk, copy) for pk, copy in found if not keeps_rows(copy.domain)]
        settled += _settle(MARK, kept) + _settle(DELETE, gone)
        last = found[-1][0]
    return settled


def _settle(statement: str, told: list[tuple[int, Copy]]) -> int:
    if not told:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(statement, [[pk for pk, _ in told], [copy.version for _, copy in told]])
        return cursor.rowcount
