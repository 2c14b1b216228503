"""The limits: redis-py as it comes, over the same kind of socket, moving the same bytes."""

import json
import time
from collections.abc import Callable

from django.conf import settings
from redis import Redis

from bench.contenders.shape import timings
from bench.contenders.state_shape import TTL, sessions, state_data
from bench.harness.result import BenchError

PATIENCE_SECONDS = 10.0
# The version is compared, the bytes are kept, and the same bytes are told: no lifecycle, no clock, no answer to build.
REPLACE = """
local version = redis.call('HGET', KEYS[1], 'version')
if version and version ~= ARGV[1] then return {0, version} end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'state', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', KEYS[1], ARGV[3])
return {1, ARGV[2]}
"""


def state_bytes() -> bytes:
    return json.dumps(state_data()).encode()


class Gets:
    """GET of a kilobyte."""

    def __init__(self) -> None:
        self._client = Redis.from_url(settings.HOT_REDIS_URL)
        self._client.set("raw-state", state_bytes())

    def __call__(self, calls: int) -> list[float]:
        """Return the milliseconds of each call."""
        return timings(lambda: self._get, calls)

    def _get(self) -> object:
        return self._client.get("raw-state")


class Puts:
    """EVALSHA of a script that compares, sets and publishes."""

    def __init__(self) -> None:
        self._client = Redis.from_url(settings.HOT_REDIS_URL)
        self._script = self._client.script_load(REPLACE)
        (self._key,) = sessions(1)
        self._bytes = state_bytes()
        self._version = 0

    def __call__(self, calls: int) -> list[float]:
        """Return the milliseconds of each call. Raises BenchError when a write was refused."""
        return timings(self._next, calls)

    def _next(self) -> Callable[[], object]:
        before, after = self._version, self._version + 1
        self._version = after
        return lambda: self._put(before, after)

    def _put(self, before: int, after: int) -> None:
        done, _ = self._client.evalsha(self._script, 1, self._key, before, after, self._bytes, TTL)  # type: ignore[misc]
        if not done:
            raise BenchError("A write on the version before was refused.")


class Tells:
    """Publishes a kilobyte that says when it was published."""

    def __init__(self, session: str) -> None:
        self._client = Redis.from_url(settings.HOT_REDIS_URL)
        self._channel = session
        self._data = state_data()

    def __call__(self, calls: int, pause: float) -> list[float]:
        """Publish with pauses of some seconds, in which the listener falls asleep again."""
        for _ in range(calls):
            time.sleep(pause)
            began = time.monotonic_ns()
            self._client.publish(self._channel, json.dumps(self._data | {"began": began}))
        return []


class Hears:
    """Listens to a channel from another process."""

    def __init__(self, session: str) -> None:
        self._listener = Redis.from_url(settings.HOT_REDIS_URL).pubsub()
        self._listener.subscribe(session)
        self._listener.get_message(timeout=PATIENCE_SECONDS)

    def __call__(self, calls: int) -> list[float]:
        """Return the milliseconds from each publishing to having read what was published."""
        return [self._next() for _ in range(calls)]

    def _next(self) -> float:
        message = self._listener.get_message(timeout=PATIENCE_SECONDS)
        if message is None or message["type"] != "message":
            raise BenchError(f"Every message is to arrive, and the listener got {message}.")
        data = json.loads(message["data"])
        return (time.monotonic_ns() - data["began"]) / 1e6
