"""How write-behind stands: what waits in Redis, and what Postgres has of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from redis import Redis

from persistence.session.behind.stream import key_of, noted_domains

KEPT = """
SELECT 'applied', domain, applied FROM persistence_state_checkpoint
UNION ALL SELECT 'parked', domain, count(*) FROM persistence_parked_state_write GROUP BY domain
UNION ALL SELECT 'unhealed', '', count(*) FROM persistence_session_state WHERE unhealed
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies on a domain's stream; the age is 0 when nothing does."""

    pending: int
    oldest_seconds: float


@dataclass(slots=True)
class Kept:
    """What Postgres knows, by domain, and how many states Redis is still to be told."""

    applied: dict[str, int] = field(default_factory=dict)
    parked: dict[str, int] = field(default_factory=dict)
    unhealed: int = 0


def kept_figures() -> Kept:
    """Ask Postgres, in one statement. Raises OperationalError or InterfaceError."""
    kept = Kept()
    with connection.cursor() as cursor:
        cursor.execute(KEPT)
        for name, domain, count in cursor.fetchall():
            if name == "unhealed":
                kept.unhealed = count
            else:
                (kept.applied if name == "applied" else kept.parked)[domain] = count
    return kept


def waiting_figures(redis: Redis, domains: Iterable[str]) -> dict[str, Waiting]:
    """Ask Redis about these domains and those that were ever noted, in two round trips. Raises RedisError."""
    names = sorted({*domains, *noted_domains(redis)})
    with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        for name in names:
            pipe.xlen(key_of(name))
            pipe.xrange(key_of(name), count=1)
        now, *found = pipe.execute(raise_on_error=False)
    if isinstance(now, Exception):
        raise now
    pairs = zip(names, found[::2], found[1::2], strict=True)
    return {name: _waiting(now[0], length, first) for name, length, first in pairs}


def _waiting(now: int, length: Any, first: Any) -> Waiting:
    """Return what the answers say; a key that holds something else has nothing of ours waiting."""
    if not isinstance(length, int) or not isinstance(first, list) or not first:
        return Waiting(0, 0.0)
    began = (
        int(first[0][0].partition(b"-")[0]) / 1000
    )  # an entry's id begins with the milliseconds of its writing
    return Waiting(length, max(0.0, now - began))
