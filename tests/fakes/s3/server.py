"""The fake store on a port, and the commands it takes.

::

    {"do": "fault", "kind": "status", "status": 503, "retry_after": 3, "times": 5}   see ``faults`` for the
    kinds {"do": "fault", "kind": "refuse", "share": 0.1, "seed": 7, "methods": ["PUT"], "key_contains":
    "/turns/"} {"do": "clear"}                                       all faults end {"do": "hits"}
    how often each kind of fault has struck {"do": "requests", "since": 0}                        the log of
    requests, oldest first {"do": "forget"}                                      empty that log {"do": "keys",
    "bucket": "b", "prefix": ""}           what is stored {"do": "swap", "bucket": "b", "keys": ["one",
    "two"]} exchange two bodies behind everybody's back {"do": "corrupt", "bucket": "b", "key": "one"}
    turn one bit of a stored body {"do": "delete", "bucket": "b", "key": "one"} {"do": "create", "bucket":
    "b"}
"""

import asyncio
import ssl
from pathlib import Path
from typing import Any

from tests.fakes.s3.protocol import Connection
from tests.fakes.s3.service import Service
from tests.fakes.s3.store import Bucket, Store, stored


class Server:
    """One listening store; every method runs in the loop's thread."""

    def __init__(
        self,
        *,
        access_key: str,
        secret_key: str,
        directory: Path | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.service = Service(Store(directory), access_key=access_key, secret_key=secret_key)
        self._listener: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    async def start(self, port: int) -> int:
        """Listen on loopback and return the port, which is chosen freely for 0."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            self._connect, "127.0.0.1", port, backlog=256, ssl=self._tls
        )
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and hang up on everybody. What is stored stays."""
        if self._listener:
            self._listener.close()
            for connection in list(self._connections):
                connection.hang_up()
            await self._listener.wait_closed()
            self._listener = None

    def control(self, command: dict[str, Any]) -> dict[str, Any]:
        """Obey one command. Raises KeyError, TypeError or ValueError for one that makes no sense."""
        order = dict(command)
        match order.pop("do"):
            case "fault":
                self.service.faults.add(**order)
            case "clear":
                self.service.faults.clear()
            case "hits":
                return {"hits": self.service.faults.hits()}
            case "requests":
                return {"requests": list(self.service.log)[int(order.get("since", 0)) :]}
            case "forget":
                self.service.log.clear()
            case "create":
                self.service.store.create(order["bucket"])
            case "keys":
                found = self._bucket(order).listing(order.get("prefix", ""), "")
                return {"keys": [key for key, _ in found]}
            case "swap" | "corrupt" | "delete" as deed:
                self._tamper(deed, order)
            case other:
                raise ValueError(f"{other!r} is no command")
        return {}

    def _tamper(self, deed: str, order: dict[str, Any]) -> None:
        bucket = self._bucket(order)
        if deed == "swap":
            one, two = order["keys"]
            first, second = bucket.objects[one], bucket.objects[two]
            bucket.put(one, second)
            bucket.put(two, first)
        elif deed == "corrupt":
            body = bucket.objects[order["key"]].body
            bucket.put(order["key"], stored(bytes([body[0] ^ 1]) + body[1:]))
        elif not bucket.delete(order["key"]):
            raise KeyError(order["key"])

    def _bucket(self, order: dict[str, Any]) -> Bucket:
        return self.service.store.buckets[order["bucket"]]

    def _connect(self) -> Connection:
        return Connection(self.service, self.control, self._connections)
