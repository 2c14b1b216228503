"""A help desk on a port of 127.0.0.1. A subclass says what its API looks like; all else is here.

To add one, subclass ``FakeDesk`` and write ``desk()`` (how Holdfast is configured for it), ``serve()`` (its API: one
request in, one reply out, called under a lock), ``sign()`` and ``says()`` (what it posts to Holdfast). Keep what arrives
in ``self.tickets``, which the contract suite counts.
"""

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from handoff.connectors.port import Desk
from tests.fakes.desk.faults import UNSERVED, Fault

GIGABYTE = 2**30


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names are lower-case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the desk answers. ``content`` is JSON unless it is bytes."""

    status: int = 200
    content: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the bytes that go out."""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


@dataclass
class Comment:
    """One entry of a ticket. ``marker`` is whatever tells our event from another (an id, where the desk keeps it)."""

    text: str
    public: bool
    marker: str = ""
    author: str = ""


@dataclass
class Ticket:
    """One ticket as an agent of the desk would see it; ``fields`` holds what is special to the desk."""

    id: str
    case_id: str
    status: str = "open"
    comments: list[Comment] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """Something that happened at the desk, which it is about to post. ``echo``: it is our own doing coming back."""

    kind: str = "reply"  # reply, note, status, assigned
    case_id: UUID | None = None
    external_id: str = ""
    text: str = "We are looking into it."
    author: str = "Ana"
    status: str = "in_progress"  # in Holdfast's words; the fake says it in the desk's
    delivery_id: str = "delivery-1"
    echo: bool = False


class FakeDesk:
    """A context manager. ``fail`` scripts faults, ``requests`` and ``tickets`` hold what happened."""

    secrets: Mapping[str, tuple[str, ...]] = {}
    inbound_secret = "signing"  # the name of the secret that the desk signs with
    tells: tuple[str, ...] = ("reply", "note", "status", "assigned")  # the kinds of Told that it can post
    signs_time = True
    signs_id = False

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.tickets: list[Ticket] = []
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()

    # --- what a subclass says about itself ---------------------------------------------------------------

    def desk(self, **changes: Any) -> Desk:
        """Return the endpoint as an operator would have configured it."""
        raise NotImplementedError

    def serve(self, request: Request) -> Reply:
        """Answer one request of the API."""
        raise NotImplementedError

    def says(self, told: Told, at: datetime, *, secret: str = "") -> tuple[dict[str, str], bytes]:
        """Return headers (lower-case) and body of the post about ``told``, signed as of ``at``."""
        raise NotImplementedError

    def sign(
        self, body: bytes, at: datetime, *, delivery_id: str = "delivery-1", secret: str = ""
    ) -> dict[str, str]:
        """Return the headers (lower-case) that go with any body, so that tests can post nonsense that is authentic."""
        raise NotImplementedError

    # --- what a test does with it ------------------------------------------------------------------------

    def fail(self, kind: str, **order: Any) -> Fault:
        """Let the next matching request go wrong; see ``faults``."""
        fault = Fault(kind, **order)
        with self._lock:
            self._faults.append(fault)
        return fault

    def heal(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()

    @property
    def url(self) -> str:
        """The address, with no slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def ticket(self, ticket_id: str) -> Ticket | None:
        """Return the ticket of that id."""
        return next((found for found in self.tickets if found.id == ticket_id), None)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="fake-desk"
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # waits for the threads of open requests

    # --- one request -------------------------------------------------------------------------------------

    def _take(self, request: Request) -> tuple[Fault | None, Reply]:
        with self._lock:
            self.requests.append(request)
            fault = next((it for it in self._faults if it.strikes(request.method, request.path)), None)
            if fault and fault.kind == "echo":
                return fault, Reply(500, dict(request.headers))
            if fault and fault.kind in UNSERVED:
                return fault, Reply(
                    fault.status if fault.kind == "status" else 200, fault.body, fault.headers
                )
            if fault and fault.kind == "twice":
                self.serve(request)
            reply = self.serve(request)
            if fault and fault.kind == "lie_after":
                reply = Reply(200, fault.body, fault.headers)
            return fault, reply


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what several faults are about. The fake's own errors became replies before."""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeDesk
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_: object) -> None:
        """Say nothing: tests read ``requests``."""

    def _any(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, parse_qs(parts.query), headers, body)
        self.close_connection = True
        try:
            fault, reply = self.fake._take(request)
        except Exception as error:  # a fake that breaks must be seen in the test, not hang it
            fault, reply = None, Reply(500, {"fake_desk_error": repr(error)})
        self._answer(fault, reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

    def _answer(self, fault: Fault | None, reply: Reply) -> None:
        kind = fault.kind if fault else ""
        if kind in ("refuse", "lose_answer"):
            self._reset()
        elif kind == "black_hole":
            self._wait_for_hang_up()
        elif kind == "flood":
            self._flood()
        else:
            assert fault is not None or kind == ""
            if kind == "slow" and fault:
                self.fake._stopping.wait(fault.seconds)
            self._send(self._bytes(reply), fault.seconds if fault and kind == "drip" else None)

    def _bytes(self, reply: Reply) -> bytes:
        body = reply.body()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        lines = [f"{name}: {value}" for name, value in (headers | dict(reply.headers)).items()]
        head = f"HTTP/1.1 {reply.status} Scripted\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        return head.encode("latin-1") + body

    def _send(self, data: bytes, pause: float | None) -> None:
        if pause is None:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.fake._stopping.wait(pause):
                return

    def _flood(self) -> None:
        self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode())
        block = b"x" * 65536
        for _ in range(GIGABYTE // len(block)):
            if self.fake._stopping.is_set():
                return
            self.wfile.write(block)

    def _reset(self) -> None:
        # Linger of zero seconds: the kernel sends a reset in place of a polite end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _wait_for_hang_up(self) -> None:
        self.connection.settimeout(0.05)
        while not self.fake._stopping.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue


def _handler(fake: FakeDesk) -> type[_Handler]:
    return type("Handler", (_Handler,), {"fake": fake})
