"""Which level of the ladder a domain's session state stands on, by the settings of this moment."""

from django.conf import settings


def uses_redis() -> bool:
    """Say whether session state lives in Redis, at level 1 or 3."""
    return str(settings.SESSION_STATE_BACKEND).startswith("redis")


def is_redis_first(domain: str) -> bool:
    """Say whether this domain's state is acknowledged by Redis and written behind; none named means all."""
    if settings.SESSION_STATE_BACKEND != "redis-first":
        return False
    named = settings.SESSION_STATE_REDIS_FIRST_DOMAINS
    return not named or domain in named
