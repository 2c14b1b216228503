"""A Redis of the benchmark's own for hot state, which may be frozen: the broker is another one."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from redis import Redis

from config.services import process, redis
from config.services.state import Server


@dataclass(frozen=True, slots=True)
class HotRedis:
    """A running server: its append-only file is flushed each second, and it evicts nothing."""

    server: Server

    def environ(self, backend: str) -> dict[str, str]:
        """Return what makes a process keep session state in ``backend``, with this server behind it."""
        return {"HOT_REDIS_URL": self.server.url, "SESSION_STATE_BACKEND": backend}

    def patient(self, backend: str) -> dict[str, str]:
        """The same, where a hiccup of this machine is not to be taken for an outage of the server."""
        return self.environ(backend) | {"HOT_REDIS_BUDGET_MS": "1000"}

    def keys(self) -> int:
        """Return how many keys it holds."""
        with contextlib.closing(Redis.from_url(self.server.url)) as client:
            found: Any = client.dbsize()
            return int(found)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop its clock: connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if process.is_ours(self.server.pid, self.server.proof):
            os.kill(self.server.pid, number)


@contextlib.contextmanager
def hot_redis() -> Iterator[HotRedis]:
    """Start the server, empty, and end it with all that it held."""
    home = Path(settings.LOCAL_DIR) / "hot-redis"
    shutil.rmtree(home, ignore_errors=True)
    owner = process.birth(os.getpid())
    with process.reserve_port() as reservation:
        port = reservation.getsockname()[1]
        server = redis.start(home, home.with_suffix(".log"), port=port, owner=owner)
    try:
        yield HotRedis(server)
    finally:
        process.stop(server.pid, server.proof, redis.STOP)
        shutil.rmtree(home, ignore_errors=True)
