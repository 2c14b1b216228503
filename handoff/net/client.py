"""The one outbound HTTP client: one request, one reply, whatever the far end does.

Built on httpcore, the lower half of httpx, because the guarantees lie below what httpx shows: the address that is
dialled and the time that each step takes. Its upper half would only add what must stay off here: redirects, proxies
from the environment, cookies, decoding.

Nothing is kept between calls, so it may be used from any thread or after a fork; every call has a connection of its
own. Help desks are called a few times a second at most: what a handshake costs is worth not having a pool whose
connections die at a bad moment.
"""

import math
import os
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpcore
import httpx

from handoff.net.dial import Deadline, Resolver
from handoff.net.errors import NetError
from handoff.net.target import Target, parse_url
from handoff.net.wire import Wire

__all__ = ["NetError", "Reply", "request"]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# They decide where a message ends, or what may come back: nobody's business but this module's.
_OURS = {
    "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, a redirect (3xx) included. Header names are lower-case, repeated ones joined by ", ".

    ``body`` is as sent, never decompressed; ``truncated`` says that there was more than ``max_bytes`` of it.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    truncated: bool


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    deadline: float = 20.0,
    max_bytes: int = 65536,
    resolver: Resolver = socket.getaddrinfo,
) -> Reply:
    """Send one request and return the reply, whatever its status. Raises NetError (ImproperlyConfigured, if the
    operator's list of allowed hosts cannot be read).

    ``deadline`` (seconds, wall clock) holds for everything together: the name's look-up, connecting, TLS, sending, and
    reading the reply. Redirects are not followed. Private and other special addresses are refused unless
    ``OUTBOUND_ALLOWED_HOSTS`` covers them. ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace the built-in certificate
    authorities.

    Host, length, encoding and User-Agent are set here, and refused in ``headers``. Values are printable ASCII.
    """
    if not (0 < deadline < math.inf and max_bytes >= 0):
        raise ValueError("deadline must be a positive number of seconds, and max_bytes not negative")
    ends = Deadline.after(deadline)
    target = parse_url(url)
    fields = _header_fields(method, target, headers or {}, content)
    wire = Wire(target, ends, resolver, max_bytes=max_bytes)
    asked = httpcore.URL(
        scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path
    )
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_tls(target), network_backend=wire) as pool,
            pool.stream(method, asked, headers=fields, content=content or None) as response,
        ):
            body, truncated = _read(response, max_bytes)
    except httpcore.ProtocolError:
        raise wire.not_http() from None  # its text quotes what was received
    return Reply(response.status, _joined(response.headers), body, truncated)


def _header_fields(
    method: str, target: Target, headers: Mapping[str, str], content: bytes
) -> list[tuple[bytes, bytes]]:
    if method not in METHODS:
        raise NetError(
            "bad_request", f"The method {method[:20]!r} is not one that is sent. Nothing was sent."
        )
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise NetError("bad_request", f"The header {name[:80]!r} cannot be set. Nothing was sent.")
        if not _VALUE.fullmatch(value):
            raise NetError(
                "bad_request",
                f"The header {name} has characters that no header may have, such as a line break, or a blank at its"
                " beginning or end. Nothing was sent.",
            )
    ours = {
        "Host": target.authority,
        "User-Agent": "Holdfast",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if content or method in {"POST", "PUT", "PATCH"}:
        ours["Content-Length"] = str(len(content))
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in (ours | dict(headers)).items()]


def _read(response: httpcore.Response, max_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    for part in response.iter_stream():
        body += part
        if len(body) > max_bytes:
            return bytes(body[:max_bytes]), True
    return bytes(body), False


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _tls(target: Target) -> ssl.SSLContext | None:
    if target.scheme == "http":
        return None
    return _trusting(os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None)


@lru_cache(maxsize=4)
def _trusting(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """Return the TLS settings for these authorities: reading them takes 20 ms, and no call changes them."""
    if not (cert_file or cert_dir):
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=cert_file, capath=cert_dir)
    except OSError as error:
        message = f"The certificate authorities in SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error}."
        raise NetError("tls", f"{message} Nothing was sent.") from error
