"""Faults that the fake store commits on command.

refuse
    The connection is reset; nothing is read or stored.
black_hole
    Nothing is ever answered, nothing is stored.
drip
    The request is served, the answer comes one byte every ``seconds`` (1.0).
status
    Answered with ``status`` and ``code``, and ``retry_after`` if given; nothing is stored.
lose_answer
    The request is served, then the connection is reset without an answer.
truncate
    PUT stores the first half of the body and says it is well; GET sends half of it and hangs up.
corrupt
    PUT stores the body with one bit turned and says it is well. Later the store reports the checksum of the
    damaged body, or with ``"visible": true`` the one that was sent. With ``"honest": true`` the answer to the
    PUT reports the damaged one at once.
"""

import random
from dataclasses import dataclass, field
from typing import Any

KINDS = ("refuse", "black_hole", "drip", "status", "lose_answer", "truncate", "corrupt")

CODES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "AccessDenied",
    404: "NoSuchBucket",
    405: "MethodNotAllowed",
    409: "ConditionalRequestConflict",
    429: "TooManyRequests",
    500: "InternalError",
    501: "NotImplemented",
    503: "SlowDown",
    507: "InsufficientStorage",
}


@dataclass
class Fault:
    """One standing order: what happens to matching requests, ``times`` times or (None) until it is cleared.

    ``share`` of the matching requests are hit, chosen by a generator seeded with ``seed``, so a run can be
    repeated.
    """

    kind: str
    times: int | None = None
    share: float = 1.0
    seed: int = 0
    methods: tuple[str, ...] = ()
    key_contains: str = ""
    status: int = 500
    code: str = ""
    retry_after: str = ""
    seconds: float = 1.0
    visible: bool = False
    honest: bool = False
    hits: int = 0
    _random: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no fault; use one of {', '.join(KINDS)}")
        self.methods = tuple(self.methods)
        self.retry_after = str(self.retry_after)
        self._random = random.Random(self.seed)

    def strikes(self, method: str, key: str) -> bool:
        """Decide about one request, and count it."""
        if self.times is not None and self.hits >= self.times:
            return False
        if (self.methods and method not in self.methods) or self.key_contains not in key:
            return False
        if self.share < 1.0 and self._random.random() >= self.share:
            return False
        self.hits += 1
        return True


class Faults:
    """All standing orders; the first that strikes decides."""

    def __init__(self) -> None:
        self._standing: list[Fault] = []

    def add(self, **order: Any) -> None:
        """Add an order. Raises TypeError or ValueError for one that makes no sense."""
        self._standing.append(Fault(**order))

    def clear(self) -> None:
        """Forget all of them."""
        self._standing.clear()

    def next(self, method: str, key: str) -> Fault | None:
        """Return the fault that befalls this request, if one does."""
        if not self._standing:
            return None
        return next((fault for fault in self._standing if fault.strikes(method, key)), None)

    def hits(self) -> dict[str, int]:
        """Return how often each kind has struck since the last clear."""
        counted: dict[str, int] = {}
        for fault in self._standing:
            counted[fault.kind] = counted.get(fault.kind, 0) + fault.hits
        return counted
