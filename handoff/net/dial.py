"""From a name to an open connection: resolve once, check every address, dial one that was checked, all in time."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Self

from django.conf import settings

from handoff.net.addresses import is_public, parse_allowed
from handoff.net.errors import NetError
from handoff.net.target import IPAddress, parse_address

Resolver = Callable[..., Sequence[tuple[Any, ...]]]
"""Asked like ``socket.getaddrinfo(host, port, type=...)``, and answers in its form."""

_DIALLED_AT_MOST = 4
"""A name may have hundreds of addresses; each further one would only shorten the others' share of the time."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment (monotonic seconds) by which everything is over."""

    ends_at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left, above 0. Raises TimeoutError."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


def dial(host: str, port: int, deadline: Deadline, resolver: Resolver = socket.getaddrinfo) -> socket.socket:
    """Return a connected socket. Raises NetError with ``sent`` False.

    ``host`` is as in ``Target``: a name, or an address in its plain form. Also for what does not speak HTTP, such as
    mail. The name is not looked up a second time: a name server could answer something else then.
    """
    addresses = checked_addresses(host, port, deadline, resolver)[:_DIALLED_AT_MOST]
    trouble: OSError = OSError()
    for tried, address in enumerate(addresses):
        try:
            # A fair share for each: one address that swallows packets must not use up the others' time.
            return _connect(address, port, deadline.remaining() / (len(addresses) - tried))
        except OSError as error:
            trouble = error
    raise _not_connected(host, port, trouble) from trouble


def checked_addresses(
    host: str, port: int, deadline: Deadline, resolver: Resolver = socket.getaddrinfo
) -> list[IPAddress]:
    """Return the addresses of ``host``, each of which may be dialled. Raises NetError.

    One address that may not is enough to refuse the lot. A name that mixes public and private ones is either a mistake
    or an attempt to get in by chance, and picking the good ones would make the outcome depend on the answer's order.
    """
    allowed = parse_allowed(settings.OUTBOUND_ALLOWED_HOSTS)
    addresses = _resolve(host, port, deadline, resolver)
    for address in addresses:
        if not is_public(address) and not any(entry.covers(host, address, port) for entry in allowed):
            raise NetError(
                "blocked_address",
                f"{host} leads to {address}, which is not on the public internet. Nothing was sent. "
                "If that is intended, the operator must add it to OUTBOUND_ALLOWED_HOSTS.",
            )
    return addresses


def _resolve(host: str, port: int, deadline: Deadline, resolver: Resolver) -> list[IPAddress]:
    try:
        return [parse_address(host)]
    except ValueError:
        pass  # a name
    lookup: Future[list[IPAddress]] = Future()
    # The C library's resolver knows no deadline. A look-up that outlives its caller ends by the resolver's own
    # time-outs (some 20 s), so that a dead name server costs each caller a thread or two. A daemon: it must not keep
    # the process from ending.
    threading.Thread(
        target=_look_up, args=(resolver, host, port, lookup), daemon=True, name="net-resolver"
    ).start()
    try:
        addresses = lookup.result(timeout=deadline.remaining())
    except TimeoutError as error:
        raise NetError("timeout", f"The name {host} was not resolved in time. Nothing was sent.") from error
    except (OSError, ValueError) as error:
        raise NetError(
            "unresolvable", f"The name {host} cannot be resolved: {error}. Nothing was sent."
        ) from error
    if not addresses:
        raise NetError("unresolvable", f"The name {host} has no address. Nothing was sent.")
    return addresses


def _look_up(resolver: Resolver, host: str, port: int, lookup: Future[list[IPAddress]]) -> None:
    try:
        answers = resolver(host, port, type=socket.SOCK_STREAM)
        addresses = [parse_address(answer[4][0]) for answer in answers]
        lookup.set_result(list(dict.fromkeys(addresses)))
    except Exception as error:  # whatever it is, it belongs to the caller
        lookup.set_exception(error)


def _connect(address: IPAddress, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(seconds)
        opened.connect((str(address), port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        opened.close()
        raise
    return opened


def _not_connected(host: str, port: int, trouble: OSError) -> NetError:
    if isinstance(trouble, TimeoutError):
        return NetError(
            "connect_timeout", f"{host} did not take a connection at port {port} in time. Nothing was sent."
        )
    if isinstance(trouble, ConnectionRefusedError):
        return NetError("refused", f"{host} refused the connection at port {port}. Nothing was sent.")
    return NetError("unreachable", f"{host} cannot be reached at port {port}: {trouble}. Nothing was sent.")
