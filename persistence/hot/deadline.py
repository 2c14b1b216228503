"""A true deadline: whatever one call waits for, one after the other, it waits for what is left of the same time.

A socket's own time-out is none: it begins anew with every byte, so a server that drips one byte each 20 ms holds its
client for as long as it likes. Here each wait asks the thread's deadline first. A thread without one waits for nothing.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Deadline(threading.local):
    until = 0.0
    may_look = False


_deadline = _Deadline()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give this thread so many seconds for all that it waits for in the block. Blocks must not be nested."""
    start(time.monotonic() + seconds)
    try:
        yield
    finally:
        stop()


def start(until: float) -> None:
    """Begin this thread's deadline, by the monotonic clock: ``within`` without the cost of a context manager."""
    _deadline.until = until
    _deadline.may_look = True


def stop() -> None:
    """End it."""
    _deadline.until = 0.0
    _deadline.may_look = False


def seconds_left() -> float:
    """Return what is left, in seconds; above 0. Raises TimeoutError when nothing is."""
    left = _deadline.until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for this call is over")
    return left


class DeadlineSocket:
    """What redis-py asks of a socket, over a connected one; every wait ends with the thread's deadline.

    ``encrypted``: look before waiting, for what a TLS layer has read and not handed out yet makes no socket readable.
    """

    def __init__(self, connected: socket.socket, *, encrypted: bool = False) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(connected.fileno(), select.POLLIN)
        self._writable.register(connected.fileno(), select.POLLOUT)
        self._encrypted = encrypted
        self._may_wait = True

    def settimeout(self, seconds: float | None) -> None:
        """Wait at all, or with 0 not. For how long is the deadline's affair."""
        self._may_wait = seconds != 0

    def is_quiet(self) -> bool:
        """Say whether nothing is there to be read, not even the connection's end."""
        return not self._readable.poll(0)

    def recv_into(self, buffer: bytearray) -> int:
        """Read what there is. Raises TimeoutError, or when it may not wait BlockingIOError or SSLWantReadError."""
        if self._may_wait and not self._encrypted:
            _wait(self._readable)
        while True:
            try:
                return self._socket.recv_into(buffer)
            except (BlockingIOError, ssl.SSLWantReadError):
                if not self._may_wait:
                    raise
                _wait(self._readable)
            except ssl.SSLWantWriteError:
                _wait(self._writable)

    def recv(self, size: int) -> bytes:
        """Read what there is: for redis-py's parser in Python."""
        buffer = bytearray(size)
        return bytes(buffer[: self.recv_into(buffer)])

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises TimeoutError; how much went out is not known then."""
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        if sent == len(data):
            return
        unsent = memoryview(data)[sent:]
        while unsent:
            try:
                unsent = unsent[self._socket.send(unsent) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                _wait(self._writable)
            except ssl.SSLWantReadError:
                _wait(self._readable)

    def shutdown(self, how: int) -> None:
        """End the connection for both sides."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()


def _wait(poller: select.poll) -> None:
    """Wait for a socket. Raises TimeoutError when the time is over.

    Once it is over a call may look one last time, without waiting: a thread that did not get the processor must not
    take its own delay for the server's.
    """
    left = _deadline.until - time.monotonic()
    if left <= 0:
        if not _deadline.may_look:
            raise TimeoutError("the time for this call is over")
        _deadline.may_look, left = False, 0.0
    if not poller.poll(left * 1000):
        raise TimeoutError("the server did not answer in the time for this call")
