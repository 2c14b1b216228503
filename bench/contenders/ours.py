"""Holdfast's own ``record_turn()``: checked, redacted, hashed, digested, written."""

import itertools
from collections.abc import Callable, Sequence

from bench.contenders.shape import CHANNEL, DOMAIN, TURNS_PER_CONVERSATION, fresh, timings
from bench.harness.words import exchanges
from persistence.turns import record_turn


class Ours:
    """Writes chats of ten turns each, or adds to the conversations of the ``sessions`` given, in turn."""

    def __init__(self, sessions: Sequence[str] = ()) -> None:
        self._messages = itertools.cycle(exchanges())
        self._sessions = itertools.cycle(sessions) if sessions else fresh("session", TURNS_PER_CONVERSATION)
        self._requests = fresh("request")

    def __call__(self, turns: int) -> list[float]:
        """Return how many milliseconds each of the turns took."""
        return timings(self._next, turns)

    def _next(self) -> Callable[[], object]:
        session_id, request_id, messages = next(self._sessions), next(self._requests), next(self._messages)
        return lambda: record_turn(
            domain=DOMAIN, channel=CHANNEL, session_id=session_id, request_id=request_id, messages=messages
        )
