"""System checks of the settings that hot state stands on, and of the server that a Redis-first domain trusts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution
from redis import Redis, RedisError

from persistence.hot import deadline
from persistence.hot.connections import pool_for

ASK_WITHIN = 2.0  # seconds, for all of it; a start must not wait for what may be out
AOF_HINT = "Set 'appendonly yes' on the server, or choose SESSION_STATE_BACKEND=redis, which promises less."
POLICY_HINT = "Set 'maxmemory-policy noeviction' on the server: a full one must refuse, not forget."
FSYNC_HINT = "Set 'appendfsync everysec' or 'always' on the server."


@register
def check_hot_settings(**_: Any) -> list[CheckMessage]:
    """What needs Redis must know where it is. Nothing is contacted here."""
    needing = [
        f"{name}={value}"
        for name, value in (
            ("SESSION_STATE_BACKEND", settings.SESSION_STATE_BACKEND),
            ("HISTORY_CACHE", settings.HISTORY_CACHE),
        )
        if value.startswith("redis")
    ]
    if needing and not settings.HOT_REDIS_URL:
        hint = "Set HOT_REDIS_URL (or REDIS_URL) to redis://host:6379/0, or take the setting back."
        return [Error(f"{' and '.join(needing)}, but no Redis is named.", hint=hint, id="persistence.E007")]
    return []


@register
def check_memory_is_not_shared(**_: Any) -> list[CheckMessage]:
    """Memory is one process' own."""
    if settings.SESSION_STATE_BACKEND != "memory" or settings.WEB_CONCURRENCY == 1:
        return []
    message = (
        f"Session state is kept in the memory of each of {settings.WEB_CONCURRENCY} web processes; "
        "one does not see what another keeps."
    )
    hint = "Set SESSION_STATE_BACKEND=postgres (or redis), or WEB_CONCURRENCY=1."
    return [Caution(message, hint=hint, id="persistence.W002")]


@register
def check_redis_first_server(**_: Any) -> list[CheckMessage]:
    """A server that acknowledges for Postgres must keep its word over a restart, and must not evict.

    One that cannot be asked now is a warning: it may be out at any time, and nothing may depend on it to start.
    """
    if settings.SESSION_STATE_BACKEND != "redis-first" or not settings.HOT_REDIS_URL:
        return []
    try:
        found = server_settings(settings.HOT_REDIS_URL)
    except ValueError as error:
        hint = "Write it like redis://:password@host:6379/0."
        return [Error(f"HOT_REDIS_URL cannot be used: {error}.", hint=hint, id="persistence.E008")]
    except (RedisError, OSError) as error:
        hint = "It needs AOF and the policy noeviction; 'manage.py check' says so once it answers."
        message = f"The Redis of the Redis-first domains could not be asked for its settings: {type(error).__name__}."
        return [Caution(message, hint=hint, id="persistence.W003")]
    wrong = "The Redis of the Redis-first domains "
    checks = (
        (found["aof"] != "1", "keeps nothing over a restart: AOF is off.", AOF_HINT, "E009"),
        (
            found["policy"] != "noeviction",
            f"may evict what it acknowledged: its maxmemory-policy is {found['policy']}.",
            POLICY_HINT,
            "E010",
        ),
        (
            found["fsync"] == "no",
            "leaves it to chance when it writes: appendfsync is no.",
            FSYNC_HINT,
            "E011",
        ),
    )
    return [
        Error(wrong + message, hint=hint, id=f"persistence.{number}")
        for is_wrong, message, hint, number in checks
        if is_wrong
    ]


def server_settings(url: str) -> dict[str, str]:
    """Ask the server: ``aof`` 0 or 1, ``policy``, ``fsync`` ("" where CONFIG is forbidden, as with hosted servers).

    Takes ``ASK_WITHIN`` seconds at most. Raises ValueError for a URL that cannot be used, RedisError and OSError.
    """
    client = Redis(connection_pool=pool_for(url))
    try:
        with deadline.within(ASK_WITHIN):
            persistence, memory = client.info("persistence"), client.info("memory")
            return {
                "aof": str(persistence.get("aof_enabled")),  # type: ignore[union-attr]
                "policy": str(memory.get("maxmemory_policy")),  # type: ignore[union-attr]
                "fsync": _fsync(client),
            }
    finally:
        client.connection_pool.disconnect()


def _fsync(client: Redis) -> str:
    try:
        found: Any = client.config_get("appendfsync")
    except RedisError:
        return ""
    return str(found.get("appendfsync", ""))
