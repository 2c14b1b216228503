"""One connection for one request, in the shape that httpcore wants, every step of it under one deadline.

A library's read time-out starts anew with every byte, so a desk that drips one byte a second holds a worker for ever.
Here each socket operation gets what is left of the call, in the thread that makes the call: nothing has to be watched
or abandoned.
"""

import logging
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from handoff.net.dial import Deadline, Resolver, dial
from handoff.net.errors import NetCode, NetError
from handoff.net.target import Target

# At DEBUG it writes down the headers of every response.
logging.getLogger("httpcore").setLevel(logging.INFO)

_OVERHEAD_BYTES = 256 * 1024
"""Allowed beside the body for headers and framing; an endless stream of either is cut there."""


class Wire(httpcore.NetworkBackend):
    """Dials for httpcore, and knows afterwards how far the request got. For one request, then thrown away."""

    def __init__(self, target: Target, deadline: Deadline, resolver: Resolver, *, max_bytes: int) -> None:
        self._target = target
        self._deadline = deadline
        self._resolver = resolver
        self._may_read = max_bytes * 8 + _OVERHEAD_BYTES  # chunks of one byte take six
        self.sent = False
        self.ended = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self, dial(self._target.host, self._target.port, self._deadline, self._resolver))

    def secure(self, opened: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Agree on TLS, by the name in the URL whatever address was dialled."""
        try:
            opened.settimeout(self._deadline.remaining())  # a handshake counts as one operation for this
            return context.wrap_socket(opened, server_hostname=self._target.host)
        except TimeoutError as error:
            raise self._too_late() from error
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or "the handshake failed"
            raise self.failure("tls", f"made no secure connection: {why}") from error
        except OSError as error:
            raise self.failure("connection_lost", "broke off while agreeing on TLS") from error

    def send(self, opened: socket.socket, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                opened.settimeout(self._deadline.remaining())
                self.sent = True  # before the fact: after an error nobody knows how much of it went out
                view = view[opened.send(view) :]
        except TimeoutError as error:
            raise self._too_late() from error
        except OSError as error:
            # httpcore goes on to read: who closes early has often said why (413, 401).
            raise httpcore.WriteError("the far end takes no more") from error

    def receive(self, opened: socket.socket, max_bytes: int) -> bytes:
        try:
            opened.settimeout(self._deadline.remaining())
            data = opened.recv(max_bytes)
        except TimeoutError as error:
            raise self._too_late() from error
        except OSError as error:
            raise self.failure("connection_lost", "broke off before its answer was complete") from error
        self.ended = not data
        self._may_read -= len(data)
        if self._may_read < 0:
            raise self.failure("bad_response", "sent headers or framing without end")
        return data

    def not_http(self) -> NetError:
        """Return the error for what could not be read as an answer."""
        if self.ended:
            return self.failure("connection_lost", "broke off before its answer was complete")
        return self.failure("bad_response", "answered something that is not HTTP")

    def failure(self, code: NetCode, what: str) -> NetError:
        return NetError(code, f"{self._target.authority} {what}. {self._known()}", sent=self.sent)

    def _too_late(self) -> NetError:
        return self.failure("timeout", "was not done within the deadline")

    def _known(self) -> str:
        return "It may have received the request." if self.sent else "Nothing was sent."


class _Stream(httpcore.NetworkStream):
    """The open connection. The time-outs that httpcore passes are not used: the deadline is shorter or none is."""

    def __init__(self, wire: Wire, opened: socket.socket) -> None:
        self._wire = wire
        self._socket = opened

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._wire.receive(self._socket, max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._wire.send(self._socket, buffer)

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            return _Stream(self._wire, self._wire.secure(self._socket, ssl_context))
        except BaseException:
            self.close()  # httpcore does not know this connection yet
            raise
