"""The way to Redis as hot storage: ``hot().call(work, operation=...)`` does it in time or says HotUnavailable.

``patient()`` is for commands and Celery, which may wait and whose errors are redis-py's.
"""

import functools
import logging
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from redis.backoff import NoBackoff
from redis.retry import Retry

from persistence.hot import deadline, metrics
from persistence.hot.breaker import Breaker
from persistence.hot.clock import ServerClock
from persistence.hot.connections import HotClient, pool_for
from persistence.hot.errors import HotUnavailable as HotUnavailable
from persistence.hot.errors import reason_of
from persistence.ladder import measure

T = TypeVar("T")
PATIENT_SECONDS = 5.0
# Seconds. Nobody waits for the probe, and a TLS handshake may take longer than a call has.
PROBE_CONNECTS_WITHIN = 1.0
PROBE_KEY_LIVES = 10  # seconds
log = logging.getLogger(__name__)


class Hot:
    """One process' client of one Redis, behind a deadline and a breaker. Safe in threads and over a fork.

    ``budget`` is what one call may take altogether, and ``rest`` how long Redis is left alone after a failure, both in
    seconds. Without a ``url`` it is never to be had. Raises ValueError for a URL that cannot be used.
    """

    _client: HotClient | None

    def __init__(self, url: str, *, budget: float = 0.05, rest: float = 5.0) -> None:
        self.budget, self.clock = budget, ServerClock()
        self._url, self._rest = url, rest
        self._callbacks: list[Callable[[], None]] = []
        self._probe_key = f"hfp:{secrets.token_hex(8)}"
        self._start_afresh()
        _living.add(self)

    @property
    def is_out(self) -> bool:
        """Whether calls are turned away at present."""
        return self._client is None or self._breaker.is_open

    def call(self, work: Callable[[HotClient], T], *, operation: str, whole: bool = False) -> T:
        """Return what ``work`` returns, given a client whose every wait comes out of this call's budget.

        Raises HotUnavailable for whatever Redis may do, at once while it is out; never an exception of redis-py.
        ``whole`` is for who must know: such a call has the whole budget even beside others, and never just abstains.
        ``work`` may be under way on the server still when its time is over. Its own exceptions pass.
        """
        client = self._client
        if client is None:
            raise HotUnavailable("off")
        if _in_probe.is_set:
            return self._work(client, work)
        began = time.monotonic()
        outcome = "skipped"
        try:
            ticket = self._breaker.admit(began, whole=whole)
            try:
                outcome = "ok"
                deadline.start(began + ticket.seconds)
                return work(client)
            except (redis.RedisError, OSError, UnicodeDecodeError) as error:
                outcome = self._breaker.failed(ticket, reason_of(error))
                if outcome == "protocol":
                    client.connection_pool.disconnect()
                raise HotUnavailable(outcome) from error
            finally:
                deadline.stop()
                self._breaker.done(ticket)
        finally:
            metrics.observe(operation, outcome, time.monotonic() - began)

    def on_heal(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called, in a thread of its own, each time before Redis is used again after a failure.

        In there ``call`` goes through. If it raises, Redis stays out for another rest. Registering the same again
        changes nothing. It is called once more after Redis is in use, for what was on its way meanwhile.
        """
        if callback not in self._callbacks:
            self._callbacks.append(callback)

    def connection(self) -> Any:
        """Return a connection of its own, not dialled yet, for a subscriber: whoever uses it sets deadlines itself.

        Raises HotUnavailable without a URL.
        """
        if self._client is None:
            raise HotUnavailable("off")
        return self._client.connection_pool.unpooled()

    def close(self) -> None:
        """End the probe and all connections. It is not to be had from then on."""
        self._url = ""
        self._stop.set()
        client, self._client = self._client, None
        if client is not None:
            client.connection_pool.disconnect()

    def _start_afresh(self) -> None:
        """Begin without connections, threads and failures: as a new client, and as the copy in a forked process."""
        self._stop = threading.Event()
        self._breaker = Breaker(self.budget, self._opened)
        self._client = HotClient(connection_pool=pool_for(self._url)) if self._url else None
        metrics.OUT.set(0)

    def _opened(self) -> None:
        metrics.OUT.set(1)
        measure.count("breaker_opened")
        log.warning("Redis as hot storage is out and left alone for %g s at a time", self._rest)
        probe = threading.Thread(target=self._probe_until_it_is_back, name="hot-redis-probe", daemon=True)
        try:
            probe.start()
        except RuntimeError:  # no more threads, or the interpreter ends: unprobed, it would stay out for good
            self._breaker.close()

    def _probe_until_it_is_back(self) -> None:
        _in_probe.is_set = True
        while not self._stop.wait(self._rest):
            if self._is_back():
                self._breaker.close()
                metrics.OUT.set(0)
                log.warning("Redis as hot storage is back")
                self._heal()
                return

    def _is_back(self) -> bool:
        client = self._client
        if client is None:
            return False
        try:
            client.connection_pool.disconnect()
            with deadline.within(PROBE_CONNECTS_WITHIN):
                client.connection_pool.release(client.connection_pool.get_connection())
            self._work(client, self._write_and_read)
        except Exception as error:  # whatever it is: the probe must go on, or Redis would stay out for good
            log.info("Redis as hot storage is still out: %s: %s", type(error).__name__, error)
            return False
        return self._heal()

    def _write_and_read(self, client: redis.Redis) -> None:
        # A write, because a server without memory or a replica answers reads, with what is older than our standby's.
        value = secrets.token_hex(8)
        client.ping()
        client.set(self._probe_key, value, ex=PROBE_KEY_LIVES)
        if client.get(self._probe_key) != value.encode():
            raise redis.InvalidResponse("it gave back another value than it was given")

    def _heal(self) -> bool:
        try:
            for callback in list(self._callbacks):
                callback()
            return True
        except Exception:  # whatever it is, Redis must not be used before it is healed, and the probe goes on
            log.exception("Redis as hot storage cannot be healed")
            return False
        finally:
            connections.close_all()

    def _work(self, client: HotClient, work: Callable[[HotClient], T]) -> T:
        """Do the probe's own work: within the budget, past the breaker."""
        try:
            with deadline.within(self.budget):
                return work(client)
        except (redis.RedisError, OSError, UnicodeDecodeError) as error:
            raise HotUnavailable(reason_of(error)) from error


class _InProbe(threading.local):
    is_set = False


_in_probe = _InProbe()
_living: weakref.WeakSet[Hot] = weakref.WeakSet()
_lock = threading.Lock()
_current: tuple[tuple[str, float, float], Hot] | None = None


def hot() -> Hot:
    """Return this process' client of ``HOT_REDIS_URL``; another one, and the last is closed, when settings change."""
    global _current
    wanted = (
        settings.HOT_REDIS_URL,
        settings.HOT_REDIS_BUDGET_MS / 1000,
        float(settings.HOT_REDIS_REST_SECONDS),
    )
    current = _current
    if current is not None and current[0] == wanted:
        return current[1]
    with _lock:
        if _current is None or _current[0] != wanted:
            fresh = _made(*wanted)
            if _current is not None:
                _current[1].close()
            _current = (wanted, fresh)
        return _current[1]


def patient() -> redis.Redis:
    """Return a plain client of ``HOT_REDIS_URL`` for who may wait: 5 s for each answer, nothing is tried twice.

    Raises HotUnavailable without a URL, and then redis-py's own errors.
    """
    if not settings.HOT_REDIS_URL:
        raise HotUnavailable("off")
    return _patient(settings.HOT_REDIS_URL)


@functools.lru_cache(maxsize=2)
def _patient(url: str) -> redis.Redis:
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(
        url, socket_timeout=PATIENT_SECONDS, socket_connect_timeout=PATIENT_SECONDS, retry=retry
    )


def _made(url: str, budget: float, rest: float) -> Hot:
    try:
        return Hot(url, budget=budget, rest=rest)
    except ValueError as error:
        # Not the URL itself: it holds a password.
        raise ImproperlyConfigured(f"HOT_REDIS_URL cannot be used: {error}.") from None


def _after_fork() -> None:
    # The parent's sockets must not be spoken to by two, and its threads and held locks did not come along.
    global _lock
    _lock = threading.Lock()
    _in_probe.is_set = False
    for client in list(_living):
        client._start_afresh()


os.register_at_fork(after_in_child=_after_fork)
