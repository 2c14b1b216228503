"""HTTP for the ``openai`` client with a deadline that is one.

A library's read time-out starts anew with every byte, so a server that drips one byte a second holds a worker for
ever. Here the time-out that comes with a request is the end of all of it: look-up, connecting, TLS, sending, and the
last byte of the answer. Each call has a connection of its own: next to the seconds that a model thinks, a handshake is
nothing, and there is no pool to carry over a fork or to die at a bad moment.

Proxies named by the environment are not used: what is sent is what customers said, and it goes where the operator said.
"""

import http.client
import socket
import ssl
import time
from functools import lru_cache

import httpx2

from persistence.dial.connection import Connection
from persistence.dial.resolver import Resolver

MOST_BYTES = 1_000_000
"""A summary has a few kilobytes."""

_NOT_OURS = {b"host", b"connection", b"accept-encoding", b"content-length"}


class WireError(Exception):
    """No answer. ``sent``: the model may have read the question, and its work may be billed."""

    def __init__(self, code: str, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.code, self.sent = code, sent


class Wire(httpx2.BaseTransport):
    """A transport that follows no redirect, reads at most ``MOST_BYTES``, and is done in time. Thread-safe."""

    def __init__(self) -> None:
        self._resolver = Resolver()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return the whole answer. Raises WireError; UnsupportedProtocol for no http(s)."""
        url = request.url
        if url.scheme not in ("http", "https") or not url.host:
            raise httpx2.UnsupportedProtocol("only http:// and https:// with a host are asked")
        connection = Connection(
            url.raw_host.decode("ascii"),
            url.port,
            ends_at=time.monotonic() + request.extensions["timeout"]["read"],
            tls=_tls() if url.scheme == "https" else None,
            resolver=self._resolver,
        )
        sent = False
        try:
            connection.connect()
            sent = True
            return _exchange(connection, request)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(error, connection.host, sent=sent) from None  # some of them quote what they read
        finally:
            connection.close()


def _exchange(connection: Connection, request: httpx2.Request) -> httpx2.Response:
    headers = {
        name.decode("ascii"): value.decode("latin-1")
        for name, value in request.headers.raw
        if name.lower() not in _NOT_OURS
    }
    ours = {"Host": request.url.netloc.decode("ascii"), "Accept-Encoding": "identity", "Connection": "close"}
    target = request.url.raw_path.decode("ascii")
    connection.request(request.method, target, body=request.read(), headers=headers | ours)
    with connection.getresponse() as answer:
        body = answer.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise WireError("answer_too_large", f"The answer has more than {MOST_BYTES:,} bytes.", sent=True)
        if answer.length:  # read(amount) ends quietly where read() would complain
            raise http.client.IncompleteRead(b"", answer.length)
        if answer.getheader("Content-Encoding", "identity") != "identity":
            raise WireError("compressed", "The answer is compressed, unasked.", sent=True)
        return httpx2.Response(answer.status, headers=answer.getheaders(), content=body, request=request)


def _failure(error: Exception, host: str, *, sent: bool) -> WireError:
    if isinstance(error, TimeoutError):
        return WireError("timeout", f"{host} did not answer within the time allowed.", sent=sent)
    if isinstance(error, ssl.SSLError) and not sent:
        return WireError("tls", f"No secure connection to {host}: {error.reason or error}.", sent=False)
    if isinstance(error, socket.gaierror):
        return WireError("unreachable", f"The name {host} cannot be resolved: {error.strerror}.", sent=False)
    if not sent:
        return WireError("unreachable", f"{host} cannot be reached: {error.strerror or error}.", sent=False)  # type: ignore[attr-defined]
    return WireError("connection_lost", f"{host} broke off before its answer was complete.", sent=True)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Return the system's certificate authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR; read once."""
    return httpx2.create_ssl_context()
