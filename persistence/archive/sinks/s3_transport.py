"""HTTP for the S3 sink with a deadline that is one.

A library's read time-out starts anew with every byte, so a store that drips one byte a second holds a worker
for ever. In ``persistence.dial`` every socket operation gets what is left of the call's own budget, in the
thread that makes the call: nothing has to be watched, abandoned or counted. Host names are looked up by a
helper thread, because the C library's resolver cannot be interrupted; there is at most one such thread for
each sink.

boto3 signs and parses; ``Transport.send`` answers its ``before-send`` event, which takes the place of its own
sending. Not supported, on purpose: proxies (``HTTPS_PROXY`` is not read) and redirects (they come back as an
error).
"""

import http.client
import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import get_cert_path

from persistence.archive.sinks.port import MAX_OBJECT_BYTES, SinkError
from persistence.dial.connection import Connection
from persistence.dial.resolver import Resolver

IDLE_SECONDS = 10.0
"""A connection idle for longer is not used again: stores close theirs after 20 s or so, at a bad moment."""


class Transport:
    """Kept-alive connections to one store, shared by threads, each call under its own deadline."""

    def __init__(self, *, deadline_seconds: float, keep: int) -> None:
        self._deadline_seconds = deadline_seconds
        self._keep = keep
        self._idle: list[tuple[Connection, float]] = []
        self._lock = threading.Lock()
        self._call = threading.local()
        self._resolver = Resolver()
        self._pid = os.getpid()
        self._tls: ssl.SSLContext | None = None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Start the clock: everything sent inside shares one budget of ``deadline_seconds``."""
        self._call.ends_at = time.monotonic() + self._deadline_seconds
        try:
            yield
        finally:
            del self._call.ends_at

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send one signed request and return the whole answer. Raises SinkError with ``endpoint_down``."""
        parts = urlsplit(request.url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        headers = {name: _text(value) for name, value in request.headers.items()}
        headers.pop("Expect", None)  # the body follows at once; botocore leaves this header unsigned
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        response: http.client.HTTPResponse | None = None
        try:
            connection.request(request.method, target, body=_bytes(request.body), headers=headers)
            response = connection.getresponse()
            body = _whole_body(response, parts.netloc)
        except BaseException as error:
            connection.close()
            if response:
                response.close()
            if isinstance(error, TimeoutError | OSError | http.client.HTTPException):
                raise self._failure(error, parts.netloc) from error
            raise
        self._give_back(connection, response)
        if 300 <= response.status < 400:
            raise _redirected(response, parts.netloc)
        return AWSResponse(
            request.url, response.status, HTTPHeaders.from_pairs(response.getheaders()), _Body(body)
        )

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> Connection:
        ends_at = self._call.ends_at
        while kept := self._take_idle():
            if kept.serves(scheme, host, port) and kept.is_quiet():
                kept.ends_at = ends_at
                return kept
            kept.close()
        context = self._tls_context() if scheme == "https" else None
        return Connection(host, port, ends_at=ends_at, tls=context, resolver=self._resolver)

    def _take_idle(self) -> Connection | None:
        with self._lock:
            if self._pid != os.getpid():  # a fork shares these sockets with its parent: leave them alone
                self._idle, self._pid, self._resolver = [], os.getpid(), Resolver()
            while self._idle:
                connection, since = self._idle.pop()
                if time.monotonic() - since < IDLE_SECONDS:
                    return connection
                connection.close()
        return None

    def _give_back(self, connection: Connection, response: http.client.HTTPResponse) -> None:
        with self._lock:
            if not response.will_close and len(self._idle) < self._keep:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            context = ssl.create_default_context()
            context.load_verify_locations(os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True))
            self._tls = context
        return self._tls

    def _failure(self, error: BaseException, host: str) -> SinkError:
        kept = "The row stays and is tried again."
        if isinstance(error, TimeoutError):
            message, code = f"{host} did not answer within {self._deadline_seconds:g} s", "timeout"
        elif isinstance(error, ssl.SSLError):
            message, code = f"No secure connection to {host}: {error.reason or error}", "unreachable"
        elif isinstance(error, ConnectionRefusedError | socket.gaierror) or not isinstance(
            error, ConnectionError | http.client.HTTPException
        ):
            message, code = f"{host} cannot be reached: {error}", "unreachable"
        else:
            message, code = f"{host} broke off before its answer was complete", "connection_lost"
        return SinkError(f"{message}. {kept}", code=code, endpoint_down=True)


class _Body(io.BytesIO):
    """A body that was read already, in the shape botocore expects of urllib3."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _whole_body(response: http.client.HTTPResponse, host: str) -> bytes:
    body = response.read(MAX_OBJECT_BYTES + 1)
    if len(body) > MAX_OBJECT_BYTES:
        raise SinkError(
            f"{host} sent more than {MAX_OBJECT_BYTES} bytes; no object of the archive is that large.",
            code="too_large",
        )
    if response.length:  # read(amount) ends quietly where read() would complain
        raise http.client.IncompleteRead(body, response.length)
    return body


def _redirected(response: http.client.HTTPResponse, host: str) -> SinkError:
    """Stop here: botocore would ask for the bucket's region, and ask again for ever if that redirects too."""
    region = response.getheader("x-amz-bucket-region", "")[:40]
    hint = f" The bucket is in region {region}." if region else ""
    return SinkError(
        f"{host} answered {response.status}, a redirect, and none is followed. Check the endpoint, the "
        f"region and the bucket name.{hint} The row stays and is tried again.",
        code="wrong_endpoint",
        endpoint_down=True,
    )


def _bytes(body: Any) -> bytes | None:
    """Return what botocore made of the body; anything but bytes in memory would have no length to bound."""
    if isinstance(body, io.BytesIO):
        return body.getvalue()
    if body is None or isinstance(body, bytes):
        return body
    raise TypeError(f"a request body is {type(body).__name__}, not bytes")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
