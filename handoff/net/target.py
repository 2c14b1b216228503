"""What a URL means: read once and strictly, so that what is checked and what is dialled cannot be two things."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx

from handoff.net.errors import NetError

IPAddress = IPv4Address | IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}

# Stricter than any parser: user info, backslashes, white space, zones and escapes in the authority have no use here,
# and each is a way for two parsers to see two hosts.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\[\]:/?#@\\%\s]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?#].*)?",
    re.IGNORECASE | re.ASCII,
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """``host`` is lower-case ASCII without brackets or trailing dot; ``literal`` is set where it is an address."""

    scheme: str
    host: str
    port: int
    path: bytes  # with the query; percent-encoded
    literal: IPAddress | None

    @property
    def authority(self) -> str:
        """Return host and port as in the Host header and in messages: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Return what to dial and to ask for. Raises NetError ``bad_url``."""
    parts = _URL.fullmatch(url)
    if parts is None:
        raise NetError(
            "bad_url", "The address must look like https://host/path, without user name or password."
        )
    try:
        read = httpx.URL(url)  # percent-encodes the path, and knows IDNA 2008
        written, path = read.raw_host.decode("ascii"), read.raw_path
    except (httpx.InvalidURL, ValueError) as error:
        raise NetError("bad_url", "The address has characters or a host that no URL can have.") from error
    scheme = parts["scheme"].lower()
    port = int(parts["port"] or DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise NetError("bad_url", f"The address names port {port}; ports go from 1 to 65535.")
    try:
        host, literal = parse_host(written)
    except ValueError as error:
        raise NetError("bad_url", f"The address names the host {written[:80]!r}: {error}.") from error
    return Target(scheme, host, port, path, literal)


def parse_host(text: str) -> tuple[str, IPAddress | None]:
    """Return an ASCII host in its one spelling, and the address where it is one. Raises ValueError.

    A name whose last label is a number is an IPv4 address to the C library, in decimal, octal or hexadecimal
    ("2130706433" and "0x7f.1" are 127.0.0.1): only the plain dotted form is taken.
    """
    if ":" in text:
        return str(IPv6Address(text)), IPv6Address(text)
    host = text.lower().removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return host, IPv4Address(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("it is not a possible host name")
    return host, None


def parse_address(text: str) -> IPAddress:
    """Return the address of a resolver's answer, which may carry a zone. Raises ValueError."""
    return ip_address(text)
