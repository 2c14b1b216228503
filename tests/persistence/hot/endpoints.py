"""Servers on loopback that are no Redis, or a bad one."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Serve = Callable[[socket.socket, threading.Event], None]


@contextmanager
def serving(serve: Serve) -> Iterator[str]:
    """Accept connections and treat each with ``serve`` in a thread; yields the URL."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def accept() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    accepted, _ = listener.accept()
                    thread = threading.Thread(target=treat, args=(accepted,))
                    threads.append(thread)
                    thread.start()

        def treat(accepted: socket.socket) -> None:
            with accepted, suppress(OSError):
                accepted.settimeout(0.05)
                serve(accepted, over)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        finally:
            over.set()
            accepting.join()
            for thread in threads:
                thread.join()


@contextmanager
def never_accepting() -> Iterator[str]:
    """A connection is made by the kernel, and nobody ever says a word on it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@contextmanager
def never_connecting() -> Iterator[str]:
    """Its queue is full, so the kernel lets those who knock wait."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        for one in waiting:
            one.close()


def nobody() -> str:
    """Return the URL of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def saying(answer: bytes) -> Serve:
    """Answer everything with the same bytes."""

    def serve(accepted: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                if not accepted.recv(65536):
                    return
                accepted.sendall(answer)

    return serve


def dripping(accepted: socket.socket, over: threading.Event) -> None:
    """Answer with a long text, a byte each 5 ms: no single read waits for long."""
    with suppress(TimeoutError):
        accepted.recv(65536)
    for byte in b"$100000\r\n" + b"x" * 100000:
        if over.is_set():
            return
        accepted.sendall(bytes([byte]))
        time.sleep(0.005)


def flooding(accepted: socket.socket, over: threading.Event) -> None:
    """Answer with a text that never ends, as fast as it can be read."""
    with suppress(TimeoutError):
        accepted.recv(65536)
    accepted.sendall(b"$500000000\r\n")
    while not over.is_set():
        with suppress(TimeoutError):
            accepted.sendall(b"x" * 65536)


def forward(accepted: socket.socket, port: int, over: threading.Event) -> None:
    """Pass on what comes to the server at ``port``, and back what it says, until one side hangs up."""
    with socket.create_connection(("127.0.0.1", port)) as server:
        while not over.is_set():
            for source, target in ((accepted, server), (server, accepted)):
                source.settimeout(0.01)
                try:
                    data = source.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                target.settimeout(10)
                target.sendall(data)


@contextmanager
def forwarding(path: str, port: int) -> Iterator[None]:
    """Serve at a socket in the file system what the server at ``port`` serves, for one connection at a time."""
    over = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(0.05)

        def accept() -> None:
            while not over.is_set():
                with suppress(OSError):
                    accepted, _ = listener.accept()
                    with accepted:
                        forward(accepted, port, over)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
