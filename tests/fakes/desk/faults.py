"""What a scripted desk can do wrong, for one request or for several.

refuse
    Nothing is read or stored; the connection is reset.
black_hole
    Nothing is stored, nothing is answered until the client hangs up.
lose_answer
    The request is served and stored, then the connection is reset without an answer.
slow
    Served and stored, but the answer comes after ``seconds``.
drip
    Served and stored; the answer comes one byte every ``seconds``.
twice
    Served two times, as by a proxy that repeats what it thinks was lost. The second answer is given.
lie
    Nothing is stored; answered 200 with ``body``, which may be nonsense.
lie_after
    Served and stored, but answered 200 with ``body``.
echo
    Nothing is stored; answered 500 with the request's own headers as JSON, as careless error pages do.
status
    Nothing is stored; answered with ``status``, ``headers`` and ``body``.
flood
    Served and stored; the answer is a gigabyte long.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

KINDS = (
    "refuse",
    "black_hole",
    "lose_answer",
    "slow",
    "drip",
    "twice",
    "lie",
    "lie_after",
    "echo",
    "status",
    "flood",
)
UNSERVED = ("refuse", "black_hole", "lie", "echo", "status")


@dataclass
class Fault:
    """One standing order: it strikes matching requests ``times`` times, or (None) until ``heal``."""

    kind: str
    times: int | None = 1
    method: str = ""
    path_contains: str = ""
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"<html>all is well</html>"
    seconds: float = 0.05
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no fault; use one of {', '.join(KINDS)}")

    def strikes(self, method: str, path: str) -> bool:
        """Decide about one request, and count it."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.method not in ("", method) or self.path_contains not in path:
            return False
        self.hits += 1
        return True
