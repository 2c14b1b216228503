"""Makes requests inside a network namespace of its own, where any address may be had and nothing outside is reached.

Run by ``test_guard.py`` under ``unshare --map-root-user --net``. Reads {"outside": ..., "attempts": [...]} from stdin and
answers with one outcome per attempt on stdout. Every address of the namespace leads to one canary, which notes where a
connection came in and for which host.
"""

import fcntl
import json
import socket
import struct
import sys
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import settings

from handoff.net.client import NetError, request
from tests.handoff.net.farend import OK, read_request

ADDRESSES = [
    "10.9.8.7", "169.254.169.254", "100.64.0.1", "168.63.129.16", "192.168.1.1", "1.2.3.4",
    "64:ff9b::a09:807", "2002:a09:807::1", "fd00:ec2::254", "fec0::1", "2606:4700::1234",
]  # fmt: skip
PORT = 8080

SIOCSIFFLAGS, SIOCSIFADDR = 0x8914, 0x8916


def configure() -> None:
    """Bring loopback up and give it the addresses, by ioctl because not every machine has iproute2."""
    with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
        fcntl.ioctl(four, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", 1))
        for number, address in enumerate(map(ip_address, ADDRESSES)):
            if address.version == 4:
                name = f"lo:{number}".encode()
                fcntl.ioctl(
                    four, SIOCSIFADDR, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, address.packed)
                )
            else:
                lo = socket.if_nametoindex("lo")
                fcntl.ioctl(six, SIOCSIFADDR, struct.pack("16sIi", address.packed, 128, lo))


class Canary(threading.Thread):
    """Answers everybody, one after the other, and keeps "address host" of each connection in ``hits``."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.hits: list[str] = []
        self._listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)

    def run(self) -> None:
        while True:
            opened, _ = self._listener.accept()
            with opened:
                entered = opened.getsockname()[0].removeprefix("::ffff:")
                self.hits.append(entered)
                head = read_request(opened).decode()
                if head.strip():
                    self.hits[-1] += " " + head.partition("Host: ")[2].partition("\r\n")[0]
                    opened.sendall(OK)


def attempt(canary: Canary, url: str, allowed: list[str], answers: list[list[str]]) -> dict[str, Any]:
    """Make one request. ``answers`` are what the name server says to one look-up after the other."""
    lookups: list[str] = []

    def resolver(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        lookups.append(host)
        return [(0, 0, 0, "", (address, port)) for address in answers[len(lookups) - 1]]

    settings.OUTBOUND_ALLOWED_HOSTS = allowed
    before = len(canary.hits)
    try:
        outcome = str(request("GET", url, resolver=resolver).status)
    except NetError as error:
        outcome = error.code
    # The canary takes connections in the order they came: after this one, an earlier one would have been noted.
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    request("GET", f"http://127.0.0.1:{PORT}/")
    return {"outcome": outcome, "lookups": lookups, "hits": canary.hits[before:-1]}


def main() -> None:
    asked = json.load(sys.stdin)
    if str(Path("/proc/self/ns/net").readlink()) == asked["outside"]:
        raise SystemExit("This is not a namespace of its own; nothing was dialled.")
    settings.configure()
    configure()
    canary = Canary()
    canary.start()
    json.dump([attempt(canary, **one) for one in asked["attempts"]], sys.stdout)


if __name__ == "__main__":
    main()
