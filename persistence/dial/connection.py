"""One HTTP connection whose reads and writes all end at a given moment, whatever the far end does."""

import http.client
import io
import select
import socket
import ssl
import time
from typing import Any

from persistence.dial.resolver import Resolver

_CHUNK = 64 * 1024


class Connection(http.client.HTTPConnection):
    """One connection whose every read and write ends at ``ends_at`` (monotonic seconds)."""

    def __init__(
        self, host: str, port: int | None, *, ends_at: float, tls: ssl.SSLContext | None, resolver: Resolver
    ) -> None:
        super().__init__(host, port or (443 if tls else 80))
        self.default_port = 443 if tls else 80
        self.ends_at = ends_at
        self._tls = tls
        self._resolver = resolver

    def connect(self) -> None:
        """Try each address of the host in turn, then agree on TLS, all within the call's deadline."""
        addresses = self._resolver.addresses(self.host, self.port, ends_at=self.ends_at)
        trouble: OSError = OSError("the name has no address")
        for tried, (family, address) in enumerate(addresses):
            try:
                # A fair share for each: one address that swallows packets must not use up the others' time.
                self.sock = self._reach(family, address, self.remaining() / (len(addresses) - tried))
            except OSError as error:
                trouble = error
            else:
                return
        raise trouble

    def _reach(self, family: socket.AddressFamily, address: Any, seconds: float) -> Any:
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.settimeout(seconds)
            plain.connect(address)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(self.remaining())  # a handshake counts as one operation for this
            ready = self._tls.wrap_socket(plain, server_hostname=self.host) if self._tls else plain
        except BaseException:
            plain.close()
            raise
        return _DeadlineSocket(ready, self)

    def remaining(self) -> float:
        """Return the seconds left, or raise TimeoutError."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline has passed")
        return left

    def serves(self, scheme: str, host: str, port: int | None) -> bool:
        """Tell whether this connection leads there."""
        same_port = self.port == (port or (443 if scheme == "https" else 80))
        return self.host == host and same_port and (self._tls is not None) == (scheme == "https")

    def is_quiet(self) -> bool:
        """Tell whether the far end has kept the connection open: anything readable is a farewell."""
        if self.sock is None:
            return False
        poll = select.poll()
        poll.register(self.sock.fileno(), select.POLLIN)
        return not poll.poll(0)


class _DeadlineSocket:
    """As much of a socket as http.client uses, with the time that is left set before each step."""

    def __init__(self, real: socket.socket, connection: Connection) -> None:
        self._real = real
        self._connection = connection
        self._readers = 0
        self._closing = False

    def fileno(self) -> int:
        return self._real.fileno()

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _CHUNK):
            self._real.settimeout(self._connection.remaining())
            self._real.sendall(view[start : start + _CHUNK])

    def recv_into(self, buffer: memoryview) -> int:
        self._real.settimeout(self._connection.remaining())
        return self._real.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Close once nothing reads any more: http.client closes first where nothing is kept alive."""
        self._closing = True
        if self._readers == 0:
            self._real.close()

    def reader_closed(self) -> None:
        self._readers -= 1
        if self._closing and self._readers == 0:
            self._real.close()


class _Reader(io.RawIOBase):
    """Reads for one response; closing it leaves the connection open for the next."""

    def __init__(self, source: _DeadlineSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._source.reader_closed()
