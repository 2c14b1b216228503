"""How a request can fail. ``NetError`` is all that callers of this package see."""

from typing import Literal

NetCode = Literal[
    "bad_url",  # not an http(s) URL that can be dialled; permanent
    "bad_request",  # method or headers that must not be sent; permanent
    "unresolvable",  # the name has no address, or its name server does not answer
    "blocked_address",  # the name leads where nobody allowed us to go; permanent until DNS or settings change
    "refused",  # every address refused the connection
    "connect_timeout",  # no address took the connection in its share of the time
    "unreachable",  # no route to any address, or another error of the network
    "tls",  # no secure connection: certificate, name or protocol
    "timeout",  # the deadline passed
    "connection_lost",  # the far end broke off
    "bad_response",  # the far end answered something that is not HTTP
]


class NetError(Exception):
    """No reply. The message is for people, and names the host but never path, headers or bodies: these hold secrets.

    ``sent`` is True from the first byte of the request on: the far end may have received and even carried out what
    was asked (unknown outcome). False is a promise that it has not.
    """

    def __init__(self, code: NetCode, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.code: NetCode = code
        self.sent = sent
