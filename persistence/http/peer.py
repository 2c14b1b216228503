"""The client at the other end of an answer that goes on for minutes: is it still there, does it still read?

A thread that serves such a client is held for as long as the connection lives. A client that left is noticed at once,
one that does not read any more after ``PATIENCE_SECONDS``, and one that vanished without a word by the kernel.
"""

import contextlib
import select
import socket
import struct
from typing import Any

from django.http import HttpRequest

PATIENCE_SECONDS = 5.0
VANISHED_MS = 20_000


class Peer:
    """A client's socket. Without one (another server, or a test's client), the client is there and reads."""

    def __init__(self, sock: Any = None) -> None:
        self._socket = sock

    @classmethod
    def of(cls, request: HttpRequest) -> "Peer":
        """Return the client of a request, with bounds on how long sending to it may take."""
        sock = request.META.get("gunicorn.socket")
        if sock is not None:
            seconds = struct.pack("ll", int(PATIENCE_SECONDS), 0)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)
        return cls(sock)

    def has_left(self) -> bool:
        """Say whether the client has closed its side."""
        if self._socket is None:
            return False
        try:
            return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except (BlockingIOError, ValueError):  # nothing to read, or TLS, which cannot peek
            return False
        except OSError:
            return True

    def takes(self) -> bool:
        """Wait until there is room to send. False, and the connection is shut, when the client does not read."""
        if self._socket is None or select.select([], [self._socket], [], PATIENCE_SECONDS)[1]:
            return True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        return False
