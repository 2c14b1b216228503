"""Whether the Redis that the cache lies in has room for it. The broker may live there too, and comes first."""

import time
from threading import Lock

import redis

FULL = 0.75  # of what the server may use
EVERY_SECONDS = 10.0


class Room:
    """What one process knows about its server's memory, asked for at most once in ``EVERY_SECONDS``."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked_at = float("-inf")
        self._left = False

    def left(self, client: redis.Redis) -> bool:
        """Say whether something may be put into the cache. The thread whose turn it is asks; the others need not wait.

        Without a ``maxmemory``, the limit is the machine's memory.
        """
        with self._lock:
            if time.monotonic() - self._asked_at < EVERY_SECONDS:
                return self._left
            self._asked_at = time.monotonic()
        memory: dict[str, int] = client.info("memory")  # type: ignore[assignment]
        most = memory.get("maxmemory") or memory.get("total_system_memory", 0)
        self._left = memory.get("used_memory", 0) < FULL * most
        return self._left

    def ask_again(self) -> None:
        """Forget what is known, as for another server."""
        self._asked_at = float("-inf")


room = Room()
