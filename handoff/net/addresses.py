"""Which addresses may be dialled: the public internet, and what the operator allows.

Whoever may configure an endpoint could otherwise make this server talk to its own neighbours: the cloud's metadata
service, a database, another tenant. The standard library's ``is_global`` is not enough: on Python 3.11 it passes
multicast, NAT64, 6to4 and more, and its answers change with the patch release; so the registries are written out.
Source: IANA IPv4 and IPv6 Special-Purpose Address Registries.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

import httpx
from django.core.exceptions import ImproperlyConfigured

from handoff.net.target import IPAddress, parse_host

_REFUSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # "this network"; 0.0.0.0 itself reaches this host
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",
            "168.63.129.16/32",  # public by registry; on Azure the platform's own channel to each machine
            "169.254.0.0/16",  # link-local, with the clouds' metadata services
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)

# The other way round for IPv6: only this part is the public internet. That leaves out loopback, unspecified,
# IPv4-mapped and -compatible, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), discard, unique-local, link-local,
# site-local and multicast, and whatever is given a meaning there later.
_PUBLIC_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, with Teredo (2001::/32) and ORCHID
            "2001:db8::/32",
            "2002::/16",  # 6to4: carries any IPv4 address
            "3fff::/20",
        ),
    )
)


def is_public(address: IPAddress) -> bool:
    """Tell whether the address is one of the public internet and stands for itself."""
    if not address.is_global:  # a second opinion: later Pythons know of later assignments
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _REFUSED_V6)


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of ``OUTBOUND_ALLOWED_HOSTS``: a name or a network, and the one port it is for, 0 for all."""

    name: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int = 0

    def covers(self, host: str, address: IPAddress, port: int) -> bool:
        """Tell whether dialling ``address`` for the sake of ``host`` is allowed by this entry."""
        if self.port not in (0, port):
            return False
        return host == self.name if self.network is None else address in self.network


def parse_allowed(entries: Iterable[str]) -> tuple[Allowed, ...]:
    """Read ``OUTBOUND_ALLOWED_HOSTS``: host, host:port, address, address:port or CIDR; IPv6 with a port in brackets.

    Raises ImproperlyConfigured naming the entry.
    """
    return tuple(map(_parse_entry, entries))


def _parse_entry(entry: str) -> Allowed:
    try:
        if "/" in entry:
            return Allowed(network=ip_network(entry))
        host, port = _split_port(entry)
        # IDNA as in URLs, so that an entry can be written the way the address is.
        name, literal = parse_host(host if host.isascii() else httpx.URL(f"//{host}/").raw_host.decode())
    except (ValueError, httpx.InvalidURL) as error:
        raise ImproperlyConfigured(
            f"OUTBOUND_ALLOWED_HOSTS has the entry {entry!r}: {error}. "
            "Use a host, host:port, an address, or a network such as 10.0.0.0/8."
        ) from error
    return Allowed(port=port, network=ip_network(literal)) if literal else Allowed(port=port, name=name)


def _split_port(entry: str) -> tuple[str, int]:
    if entry.count(":") > 1 and not entry.startswith("["):
        return entry, 0  # an IPv6 address without a port
    bracketed, bracket, rest = entry.rpartition("]")
    host, colon, digits = rest.partition(":")
    if bracket and host:
        raise ValueError("something stands between the bracket and the port")
    port = int(digits) if digits.isascii() and digits.isdigit() else 0
    if colon and not 1 <= port <= 65535:
        raise ValueError("the port is not a number from 1 to 65535")
    return bracketed.removeprefix("[") if bracket else host, port
