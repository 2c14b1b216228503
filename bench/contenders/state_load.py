"""Writers of session state for domains that go Redis-first, what carries it behind to Postgres, and redis-py alone."""

import itertools
import json
import time
from collections import Counter

from django.conf import settings
from redis import Redis

from bench.contenders.shape import CHANNEL, DOMAIN
from bench.contenders.state import new_state
from bench.contenders.state_shape import TTL, sessions, state_data
from persistence.hot.client import patient
from persistence.session.behind.apply import write_behind
from persistence.session.stores import store_for

SESSIONS_EACH = 2_500  # so many that one batch hardly meets a session twice: there is nothing to compact
SLICE_SECONDS = 0.2
IDLE_SECONDS = 0.01
LAST_WRITE_SECONDS = 0.5  # a writer may have begun so much later than the applier
# What our script must do as well: keep the bytes, tell them, put them on the stream.
APPEND = """
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'state', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', KEYS[1], ARGV[2])
redis.call('XADD', KEYS[2], '*', 'version', ARGV[1], 'state', ARGV[2])
return ARGV[1]
"""
STREAM = "raw-stream"


class Writes:
    """Writes the states of many sessions as fast as they are acknowledged."""

    def __init__(self) -> None:
        self._sessions = itertools.cycle(sessions(SESSIONS_EACH))
        self._new = new_state()

    def __call__(self, seconds: float) -> list[tuple[int, int]]:
        """Return how many writes Redis acknowledged, and how many Postgres had to, because Redis was late."""
        kept_in = Counter[str]()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            kept = store_for(DOMAIN).put(DOMAIN, CHANNEL, next(self._sessions), self._new, ttl=TTL)
            kept_in[kept.kept_in] += 1
        return [(kept_in["redis"], kept_in["postgres"])]


class RawWrites:
    """Lets redis-py do it with a script that checks nothing."""

    def __init__(self) -> None:
        self._client = Redis.from_url(settings.HOT_REDIS_URL)
        self._script = self._client.script_load(APPEND)
        self._sessions = itertools.cycle(sessions(SESSIONS_EACH))
        self._bytes = json.dumps(state_data()).encode()

    def __call__(self, seconds: float) -> list[int]:
        """Return how many writes were acknowledged."""
        done, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            done += 1
            self._client.evalsha(self._script, 2, next(self._sessions), STREAM, done, self._bytes, TTL)
        self._client.delete(STREAM)
        return [done]


class Applies:
    """What Celery's task does, again and again."""

    def __call__(self, seconds: float) -> tuple[int, float]:
        """Apply for so many seconds, and on until nothing is left; return how many, and the seconds until the last."""
        began = last = time.monotonic()
        applied = 0
        while True:
            found = write_behind(patient(), [DOMAIN], budget=SLICE_SECONDS)
            now = time.monotonic()
            if found:
                applied, last = applied + found, now
            elif now > began + seconds + LAST_WRITE_SECONDS:
                return applied, last - began
            else:
                time.sleep(IDLE_SECONDS)
