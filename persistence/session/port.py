"""The seam of session state: what a store does, whichever level of the ladder it stands on.

A session is named by domain, channel and the hexadecimal hash of its id (64 characters); the raw id rests nowhere.

A **version** only grows, also over a clear, an outage, or a server that came back empty: it is the milliseconds since
1970 by the store's clock, or one more than the version before where that is later. So no two states of a session ever
have the same version, the newer of two copies is the one with the higher version wherever they come from, and what
follows on what is told by ``previous``, not by counting.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

MUST_NOT_EXIST = 0  # as ``expected_version``: the session must have no state yet


@dataclass(frozen=True, slots=True)
class SessionState:
    """The state of one session as it is kept. ``confidence`` and ``turn_id`` are those of its last turn.

    ``data`` is the app's own, small and redacted. ``kept_in`` says where this copy came from: memory, postgres, redis.
    """

    state: str
    domain: str
    confidence: float | None
    turn_id: UUID | None
    version: int
    redaction_version: int
    updated_at: datetime
    data: dict[str, Any]
    kept_in: str


@dataclass(frozen=True, slots=True)
class NewState:
    """What is to be kept, checked and redacted. None for ``confidence`` or ``turn_id`` keeps what the last turn left.

    ``allowed_from`` are the states from which the session may come here, and whether it may begin here; None: from any.
    """

    state: str
    data: dict[str, Any]
    redaction_version: int
    confidence: float | None = None
    turn_id: UUID | None = None
    allowed_from: frozenset[str] | None = None
    may_begin: bool = True


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """What a turn leaves in its session's state; ``initial_state`` is for a session that had none."""

    turn_id: UUID
    confidence: float | None
    redaction_version: int
    initial_state: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a subscriber is told. ``previous`` is the version that this one followed; 0: none.

    ``gap``: something between ``previous`` (what this subscriber saw last) and ``version`` was not told.
    """

    kind: Literal["state", "cleared", "gap"]
    version: int
    previous: int
    state: SessionState | None = None


class Subscription(Protocol):
    """One listener to one session. Not for several threads at once."""

    def next(self, timeout: float) -> Change | None:
        """Wait up to ``timeout`` seconds for the next change; None when there was none. Never raises for an outage."""


class SessionStateStore(Protocol):
    """Where session state is kept. Every method may raise SessionStateUnavailable; none waits without a bound."""

    def get(self, domain: str, channel: str, session: str) -> SessionState | None:
        """Return the state; None when there is none, it was cleared, or its time has passed."""

    def put(
        self,
        domain: str,
        channel: str,
        session: str,
        new: NewState,
        *,
        expected_version: int | None = None,
        ttl: int,
    ) -> SessionState:
        """Keep a new state for ``ttl`` seconds, tell subscribers in the same step, and return it.

        With ``expected_version`` only if that is the present one (MUST_NOT_EXIST: if there is none). Raises
        StaleVersion with the present state, and IllegalTransition; nothing has changed then.
        """

    def touch(
        self, domain: str, channel: str, session: str, facts: TurnFacts, *, ttl: int
    ) -> SessionState | None:
        """Note a turn: keep state and data, set the turn's facts, begin the time to live anew, tell subscribers.

        A session without state gets the initial one. Never waits for a lock. None: it could not be done now.
        """

    def clear(
        self, domain: str, channel: str, session: str, *, expected_version: int | None = None, ttl: int
    ) -> int | None:
        """Forget the state, tell subscribers, and return the version of the clearing; None when there was no state.

        Raises StaleVersion. The clearing itself is remembered for ``ttl`` seconds where versions need it.
        """

    def subscribe(
        self, domain: str, channel: str, session: str, *, after_version: int | None = None
    ) -> AbstractContextManager[Subscription]:
        """Listen. The first change is the present state, unless ``after_version`` is its version already.

        Changes come in the order of their versions; where one was missed, a ``gap`` comes before the next.
        """


class Forgets(Protocol):
    """What erasure asks of a store."""

    def forget(self, sessions: Iterator[tuple[str, str, str]]) -> int:
        """Delete the state of these sessions (domain, channel, session) without a trace; return how many there were."""
