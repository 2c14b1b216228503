"""The fake store in a thread of the caller's process."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.fakes.s3.server import Server

T = TypeVar("T")

ACCESS_KEY = "holdfast-fake-key"
SECRET_KEY = "holdfast-fake-secret"
BUCKET = "archive"


class FakeS3:
    """A context manager: ``url``, ``bucket`` and keys to reach it, ``control`` and shorthands to disturb it.

    ``stop()`` and ``start()`` take it off its port and put it back, with everything it stores.
    """

    access_key = ACCESS_KEY
    secret_key = SECRET_KEY
    bucket = BUCKET

    def __init__(self, directory: Path | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self._directory = directory
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-s3", daemon=True)
        self._server: Server
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = Server(
            access_key=self.access_key,
            secret_key=self.secret_key,
            directory=self._directory,
            tls=self._tls,
        )
        self._server.service.store.create(self.bucket)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._port = self._await(self._server.start(self._port))

    def stop(self) -> None:
        """Refuse connections until ``start``."""
        self._await(self._server.stop())

    def control(self, command: dict[str, Any]) -> dict[str, Any]:
        """Obey a command, the same as ``POST /_control`` takes."""
        return self._in_loop(lambda: self._server.control(command))

    def fail(self, kind: str, **order: Any) -> None:
        """Add a standing fault; see ``faults``."""
        self.control({"do": "fault", "kind": kind, **order})

    def heal(self) -> None:
        """End all faults."""
        self.control({"do": "clear"})

    def requests(self, method: str = "") -> list[dict[str, Any]]:
        """Return the log of requests, of one method or of all."""
        logged = self.control({"do": "requests"})["requests"]
        return [entry for entry in logged if method in ("", entry["method"])]

    def objects(self) -> dict[str, bytes]:
        """Return everything in the bucket."""
        bucket = self._server.service.store.buckets[self.bucket]
        return self._in_loop(lambda: {key: found.body for key, found in bucket.listing("", "")})

    def _in_loop(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return self._await(run())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
