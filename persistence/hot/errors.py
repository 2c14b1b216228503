"""The one thing that can be wrong with Redis: it cannot be had now. Which way is told by ``reason``."""

import redis
from redis import exceptions as said


class HotUnavailable(Exception):
    """Redis did not do it, or is not asked at all; whether an earlier write of this call arrived is not known.

    ``reason`` is one of: ``off`` (no ``HOT_REDIS_URL``), ``skipped`` (it is out at present, nobody waited),
    ``abstained`` (not waited for beside an older call), ``timeout``, ``refused``, ``loading``, ``not_allowed``,
    ``out_of_memory``, ``read_only``, ``misconfigured``, ``protocol``, ``command`` (this command, not the
    server), ``error``.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Redis cannot be had now: {reason}")


# The first that fits. redis-py files BusyLoadingError and AuthenticationError under ConnectionError.
REASONS: tuple[tuple[type[Exception], str], ...] = (
    (said.TimeoutError, "timeout"),
    (TimeoutError, "timeout"),
    (said.BusyLoadingError, "loading"),
    (said.AuthenticationError, "not_allowed"),
    (said.NoPermissionError, "not_allowed"),
    (said.InvalidResponse, "protocol"),
    (said.ConnectionError, "refused"),
    (said.OutOfMemoryError, "out_of_memory"),
    (said.ReadOnlyError, "read_only"),
    (said.NoScriptError, "command"),
    (said.DataError, "command"),
    (said.ResponseError, "error"),
    (redis.RedisError, "protocol"),
    (OSError, "refused"),
)


def reason_of(error: Exception) -> str:
    """Return what is wrong in one word, for people and metrics."""
    text = str(error)
    if isinstance(error, said.ResponseError) and text.startswith("MISCONF"):
        return "misconfigured"
    if isinstance(error, said.ResponseError) and text.startswith("WRONGTYPE"):
        return "command"
    return next((reason for kind, reason in REASONS if isinstance(error, kind)), "error")
