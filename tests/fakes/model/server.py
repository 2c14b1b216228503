"""The server. What it does with a request is a ``Reply``, made by one of ``replies.REPLIES`` or by a test's own function.

with FakeModel() as model:
    model.configure(settings)                      # SUMMARY_BACKEND and OPENAI_*
    model.then("rate_limited", "good")             # the next two requests; from then on the default, "good"
    model.always("not_json")                       # the default from now on
    model.when("the order is lost", "refusal")     # whichever request's prompt contains that, before all else
    assert model.asked == 3 and model.paid == 2
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.fakes.model.asked import Asked
from tests.fakes.model.replies import REPLIES, Reply, unknown

Maker = Callable[[Asked], Reply]
PATH = "/v1/chat/completions"


class FakeModel:
    """A context manager. ``requests`` are those that arrived; ``paid`` counts those that a provider would bill.

    ``refuses`` names what the endpoint does not know, as older ones do: ``json_schema``, ``json_object``,
    ``temperature``, ``max_completion_tokens``. ``key`` is the one it accepts, ``model`` the one it has.
    """

    key = "sk-test-model-key"
    model = "small-model-1"

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.requests: list[Asked] = []
        self.paid = 0
        self.refuses: set[str] = set()
        self._next: list[Maker] = []
        self._default = REPLIES["good"]
        self._scheme = "http"
        self._rules: list[tuple[str, Maker]] = []
        self._changed = threading.Condition()
        self._going = threading.Event()
        self._going.set()
        self._stopping = threading.Event()

    # --- what a test does with it ------------------------------------------------------------------------

    def then(self, *replies: str | Maker) -> None:
        """Answer the next requests so, one after another."""
        with self._changed:
            self._next += [_maker(reply) for reply in replies]

    def always(self, reply: str | Maker) -> None:
        """Answer so whatever is not scripted."""
        self._default = _maker(reply)

    def when(self, contains: str, reply: str | Maker) -> None:
        """Answer so whenever the prompt contains that text, whatever else is scripted."""
        self._rules.append((contains, _maker(reply)))

    @contextmanager
    def thinking(self) -> Iterator[None]:
        """Let requests arrive, and answer none before the end of this block."""
        self._going.clear()
        try:
            yield
        finally:
            self._going.set()

    def wait_for(self, count: int, seconds: float = 20) -> None:
        """Return once so many requests have arrived since the start. Fails after ``seconds``."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.requests) >= count, seconds)
        assert came, f"{len(self.requests)} requests came, not {count}"

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._scheme = "https"
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def asked(self) -> int:
        """How many requests have arrived."""
        return len(self.requests)

    @property
    def url(self) -> str:
        """The base URL, as in ``OPENAI_BASE_URL``."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}/v1"

    def environment(self) -> dict[str, str]:
        """Return what a process needs in its environment to summarise with this model."""
        return {
            "SUMMARY_BACKEND": "openai",
            "OPENAI_BASE_URL": self.url,
            "OPENAI_API_KEY": self.key,
            "OPENAI_MODEL": self.model,
        }

    def configure(self, settings: Any, **more: Any) -> None:
        """Make this the model that summaries are made with; ``settings`` is pytest-django's."""
        for name, value in (self.environment() | more).items():
            setattr(settings, name, value)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", self._port), type("Handler", (_Handler,), {"fake": self}))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="fake-model"
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._going.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # waits for the threads of open requests

    # --- one request -------------------------------------------------------------------------------------

    def take(self, asked: Asked) -> Reply:
        """Decide what to do with one request, and count it."""
        with self._changed:
            self.requests.append(asked)
            self._changed.notify_all()
            reply = self._decide(asked)
            self.paid += reply.paid
        self._going.wait()
        return reply

    def pause(self, seconds: float) -> bool:
        """Wait; True when the server is being stopped."""
        return self._stopping.wait(seconds)

    def _decide(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return REPLIES["unauthorized"](asked)
        if asked.path != PATH or asked.json.get("model") != self.model:
            return REPLIES["unknown_model"](asked)
        if refused := self.refuses & {asked.format, *asked.json}:
            return unknown(sorted(refused)[0])(asked)
        for text, maker in self._rules:
            if text in asked.prompt:
                return maker(asked)
        return (self._next.pop(0) if self._next else self._default)(asked)


def _maker(reply: str | Maker) -> Maker:
    return REPLIES[reply] if isinstance(reply, str) else reply


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what several replies are about."""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeModel
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_: object) -> None:
        """Say nothing: tests read ``requests``."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.close_connection = True
        try:
            assert len(headers) == len(self.headers), "a header came twice"
            reply = self.fake.take(Asked(self.path, headers, body))
        except Exception as error:  # a fake that breaks must be seen in the test, not hang it
            reply = Reply(500, f"fake model: {error!r}".encode())
        if reply.hangs:
            self._wait_for_hang_up()
        elif reply.breaks_off:
            data = self._bytes(reply)
            self.wfile.write(data[: len(data) // 2])
            self._reset()
        else:
            self._send(self._bytes(reply), reply.drip)

    do_GET = do_POST  # noqa: N815

    def _bytes(self, reply: Reply) -> bytes:
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(reply.body)),
            "Connection": "close",
        }
        lines = [f"{name}: {value}" for name, value in (headers | dict(reply.headers)).items()]
        head = f"HTTP/1.1 {reply.status} Scripted\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        return head.encode("latin-1") + reply.body

    def _send(self, data: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.fake.pause(drip):
                return

    def _reset(self) -> None:
        # Linger of zero seconds: the kernel sends a reset in place of a polite end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _wait_for_hang_up(self) -> None:
        self.connection.settimeout(0.05)
        while not self.fake.pause(0):
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
