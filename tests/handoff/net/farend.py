"""A far end that does what a test says: a real TCP server on loopback, byte by byte."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Self

Script = Callable[[socket.socket, threading.Event], None]
"""Answers on the connection. The event is set when the test is over: waiting on it is how a script stalls."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class FarEnd:
    """Reads one request per connection, keeps it in ``requests``, then runs the script."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None, reads: bool = True) -> None:
        self.requests: list[bytes] = []
        self.names: list[str | None] = []  # what each TLS client asked for (SNI)
        self._script, self._tls, self._reads = script, tls, reads
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        if tls:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for opened in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                opened, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(opened)
            thread = threading.Thread(target=self._serve, args=(opened,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, opened: socket.socket) -> None:
        with opened, contextlib.suppress(OSError):
            if self._tls is None:
                self._answer(opened)
                return
            with self._tls.wrap_socket(opened, server_side=True) as secure:
                self._answer(secure)

    def _answer(self, opened: socket.socket) -> None:
        if self._reads:
            self.requests.append(read_request(opened))
        self._script(opened, self._over)


def read_request(opened: socket.socket) -> bytes:
    """Return the head and the body of one request, or what came of it before the end."""
    data = b""
    while b"\r\n\r\n" not in data and (more := opened.recv(65536)):
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length and (more := opened.recv(65536)):
        body += more
    return head + b"\r\n\r\n" + body


def says(answer: bytes) -> Script:
    """Send these bytes and close."""
    return lambda opened, _over: opened.sendall(answer)


def stalls(answer: bytes = b"") -> Script:
    """Send these bytes, then nothing, without closing."""

    def script(opened: socket.socket, over: threading.Event) -> None:
        opened.sendall(answer)
        over.wait()

    return script


def drips(answer: bytes, every: float = 0.02) -> Script:
    """Send one byte at a time. The answer is complete in the end, for a client that has no deadline."""

    def script(opened: socket.socket, over: threading.Event) -> None:
        for byte in answer:
            opened.sendall(bytes([byte]))
            if over.wait(every):
                return

    return script


def resets(answer: bytes = b"") -> Script:
    """Send these bytes, then close with a reset instead of a farewell."""

    def script(opened: socket.socket, _over: threading.Event) -> None:
        opened.sendall(answer)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return script


def pours(head: bytes, part: bytes) -> Script:
    """Send the head, then the part again and again until nobody takes it."""

    def script(opened: socket.socket, over: threading.Event) -> None:
        opened.sendall(head)
        while not over.is_set():
            opened.sendall(part)

    return script


@contextlib.contextmanager
def full_listener(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Listen, and let nobody in: a further connection gets no answer at all. Yields the port."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind((host, port))
        full.listen(0)
        for _ in range(3):  # more than the queue of connections that nobody accepts can hold
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]
