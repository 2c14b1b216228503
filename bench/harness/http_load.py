"""A lean HTTP client: a few kept-alive connections, one thread, ready-made requests, answers only counted.

It shares the cores with the server that it measures, so it does as little as it can: a few dozen microseconds a
request. ``HttpLoad`` is meant for a process of its own (``harness.clients``).
"""

import itertools
import json
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.contenders.shape import CHANNEL, TURNS_PER_CONVERSATION, fresh
from bench.harness.words import exchanges

ENOUGH = 65_536
ANSWER_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Answers:
    """Milliseconds of each answer, how many were not 2xx, and the seconds that all of it took."""

    latencies: list[float]
    refused: int
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


class HttpLoad:
    """Posts turns, each connection in conversations of its own, or gets a path."""

    def __init__(self, url: str, key: str, connections: int) -> None:
        """``url`` is the server's base address, ``key`` an API key."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._host = parts.netloc
        self._key = key
        self._connections = connections

    def __call__(self, *, seconds: float, rate: float = 0, path: str = "") -> Answers:
        """Load the server for ``seconds``: as fast as it answers, or with ``rate`` requests a second.

        With a rate, a request's time counts from when it was due, so that a server that stalls is not spared the
        requests that had to wait for it. ``path`` gets that path instead of posting turns.
        """
        with selectors.DefaultSelector() as selector:
            idle = [
                Connection(self._address, self._gets(path) if path else self._posts(), selector)
                for _ in range(self._connections)
            ]
            try:
                return load(idle, selector, seconds=seconds, rate=rate)
            finally:
                for key in list(selector.get_map().values()):
                    key.data.socket.close()

    def _gets(self, path: str) -> Iterator[bytes]:
        return itertools.repeat(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())

    def _posts(self) -> Iterator[bytes]:
        sessions, requests = fresh("session", TURNS_PER_CONVERSATION), fresh("request")
        messages = itertools.cycle([json.dumps(found) for found in exchanges()])
        head = (
            f"POST /api/v1/turns HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        for session_id, request_id, said in zip(sessions, requests, messages, strict=False):
            body = (
                f'{{"channel":"{CHANNEL}","session_id":"{session_id}","request_id":"{request_id}","messages":{said}}}'
            ).encode()
            yield f"{head}{len(body)}\r\n\r\n".encode() + body


class Connection:
    """One connection with at most one request under way."""

    def __init__(
        self, address: tuple[str, int], requests: Iterator[bytes], selector: selectors.BaseSelector
    ) -> None:
        self.socket = socket.create_connection(address, ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self._requests = requests
        self._received = b""
        selector.register(self.socket, selectors.EVENT_READ, self)

    def send(self, began: float) -> None:
        self.began = began
        self._received = b""
        self.socket.sendall(next(self._requests))

    def status(self) -> bytes:
        """Read what is there and return the status, once the answer is complete; nothing before."""
        part = self.socket.recv(ENOUGH)
        if not part:
            raise ConnectionError("The server hung up.")
        self._received += part
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return b""
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head[9:12] if len(body) >= length else b""


def load(idle: list[Connection], selector: selectors.BaseSelector, *, seconds: float, rate: float) -> Answers:
    latencies: list[float] = []
    refused, busy = 0, 0
    began = time.perf_counter()
    end, due = began + seconds, began
    while (now := time.perf_counter()) < end or busy:
        while idle and now < end and (not rate or due <= now):
            idle.pop(0).send(due if rate else time.perf_counter())
            busy += 1
            due += 1 / rate if rate else 0
        wait = ANSWER_SECONDS if not rate or not idle or now >= end else max(0.0, due - now)
        for key, _ in selector.select(wait):
            if status := key.data.status():
                latencies.append((time.perf_counter() - key.data.began) * 1000)
                refused += not status.startswith(b"2")
                idle.append(key.data)
                busy -= 1
    return Answers(latencies, refused, time.perf_counter() - began)
