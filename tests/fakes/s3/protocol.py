"""HTTP/1.1 for the fake store: keep-alive, Content-Length bodies, and the faults of a connection."""

import asyncio
import json
from collections.abc import Callable
from email.utils import formatdate
from http.client import responses
from typing import Any

from tests.fakes.s3.faults import Fault
from tests.fakes.s3.service import Answer, Request, Service

LARGEST_HEAD = 64 * 1024


class Connection(asyncio.Protocol):
    """One client. Requests are served one after another, in the order they came."""

    def __init__(
        self,
        service: Service,
        control: Callable[[dict[str, Any]], dict[str, Any]],
        all_open: "set[Connection]",
    ) -> None:
        self._service = service
        self._control = control
        self._all_open = all_open
        self._buffer = bytearray()
        self._head: tuple[str, str, str, dict[str, str], int] | None = None
        self._busy = False
        self._dripping: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._all_open.add(self)

    def hang_up(self) -> None:
        """Reset the connection."""
        self._transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self._all_open.discard(self)
        if self._dripping:
            self._dripping.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._proceed()

    def _proceed(self) -> None:
        while not self._busy and not self._transport.is_closing():
            if self._head is None and not self._read_head():
                return
            assert self._head
            method, path, query, headers, length = self._head
            if len(self._buffer) < length:
                return
            body = bytes(self._buffer[:length])
            del self._buffer[:length]
            self._head = None
            self._serve(Request(method, path, query, headers, body))

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST_HEAD:
                self._transport.abort()
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "transfer-encoding" in headers:
            self._send(method, Answer(501, b"send a Content-Length"))
            self._transport.close()
            return False
        self._head = (method, path, query, headers, int(headers.get("content-length", 0)))
        return True

    def _serve(self, request: Request) -> None:
        if request.path == "/_control":
            self._send(request.method, self._obey(request.body))
            return
        answer, fault = self._service.serve(request)
        if fault is None or fault.kind in ("status", "corrupt"):
            self._send(request.method, answer)
        else:
            self._commit(fault, request.method, answer)

    def _commit(self, fault: Fault, method: str, answer: Answer) -> None:
        if fault.kind in ("refuse", "lose_answer"):
            self._transport.abort()
        elif fault.kind == "black_hole":
            self._busy = True
        elif fault.kind == "drip":
            self._busy = True
            self._drip(_encode(method, answer), 0, fault.seconds)
        elif fault.kind == "truncate" and method == "GET":
            whole = _encode(method, answer)
            self._transport.write(whole[: len(whole) - (len(answer.body) + 1) // 2])
            self._transport.close()
        else:
            self._send(method, answer)

    def _drip(self, data: bytes, position: int, seconds: float) -> None:
        if position == len(data):
            self._busy, self._dripping = False, None
            self._proceed()
            return
        self._transport.write(data[position : position + 1])
        self._dripping = asyncio.get_running_loop().call_later(
            seconds, self._drip, data, position + 1, seconds
        )

    def _obey(self, body: bytes) -> Answer:
        try:
            result = self._control(json.loads(body))
        except (ValueError, TypeError, KeyError) as error:
            return Answer(
                400, json.dumps({"error": str(error)}).encode(), {"Content-Type": "application/json"}
            )
        return Answer(200, json.dumps(result).encode(), {"Content-Type": "application/json"})

    def _send(self, method: str, answer: Answer) -> None:
        self._transport.write(_encode(method, answer))


def _encode(method: str, answer: Answer) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}",
        f"Date: {formatdate(usegmt=True)}",
    ]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append(f"Content-Length: {len(answer.body)}\r\n\r\n")
    head = "\r\n".join(lines).encode("latin-1")
    return head if method == "HEAD" else head + answer.body
