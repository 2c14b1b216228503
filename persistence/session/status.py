"""How session state stands altogether, for operators."""

from typing import Any

from django.conf import settings
from redis import RedisError

from persistence.hot.client import patient
from persistence.hot.errors import HotUnavailable
from persistence.session.behind.figures import Kept, Waiting, kept_figures, waiting_figures
from persistence.session.levels import uses_redis

LATE_SECONDS = 60.0  # an acknowledged write that waits longer than this for Postgres is worth a look


def status() -> dict[str, Any]:
    """Return ``{backend, redis, domains: {name: {pending, oldest_seconds, applied, parked}}, unhealed, ok}``.

    ``redis`` is ok, out or off (none named). What only Redis knows is None while it is out. Waits a few seconds at most
    for Redis; raises OperationalError or InterfaceError when Postgres does not answer.
    """
    kept = kept_figures()
    redis, waiting = _asked({*settings.SESSION_STATE_REDIS_FIRST_DOMAINS, *kept.applied})
    domains = {
        name: _of_domain(name, kept, waiting)
        for name in sorted({*kept.applied, *kept.parked, *(waiting or ())})
    }
    waits = any(
        found["parked"] or (found["oldest_seconds"] or 0) > LATE_SECONDS for found in domains.values()
    )
    return {
        "backend": settings.SESSION_STATE_BACKEND,
        "redis": redis,
        "domains": domains,
        "unhealed": kept.unhealed,
        "ok": not waits and (redis == "ok" or not uses_redis()),
    }


def _asked(domains: set[str]) -> tuple[str, dict[str, Waiting] | None]:
    try:
        return "ok", waiting_figures(patient(), domains)
    except HotUnavailable:
        return "off", None
    except RedisError:
        return "out", None


def _of_domain(name: str, kept: Kept, waiting: dict[str, Waiting] | None) -> dict[str, Any]:
    nothing = Waiting(0, 0.0)
    found = None if waiting is None else waiting.get(name, nothing)
    return {
        "pending": found and found.pending,
        "oldest_seconds": found and round(found.oldest_seconds, 3),
        "applied": kept.applied.get(name, 0),
        "parked": kept.parked.get(name, 0),
    }
