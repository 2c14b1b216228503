"""Turns as the API records them: through the gate, which leaves their facts in the session's state."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.contenders.shape import CHANNEL, DOMAIN, TURNS_PER_CONVERSATION, fresh, timings
from bench.harness.result import BenchError
from bench.harness.words import exchanges
from handoff.gate import committed, record
from persistence.requests import TurnRequest, turn_request
from persistence.session.service import after_turn

Timed = tuple[float, float, float]


def requests() -> Iterator[TurnRequest]:
    """Yield chats of ten turns each, checked."""
    sessions, ids = fresh("session", TURNS_PER_CONVERSATION), fresh("request")
    for session_id, request_id, messages in zip(sessions, ids, itertools.cycle(exchanges()), strict=False):
        yield turn_request(
            {"channel": CHANNEL, "session_id": session_id, "request_id": request_id, "messages": messages}
        )


class Turns:
    """Records one turn after the other."""

    def __init__(self) -> None:
        self._requests = requests()

    def __call__(self, turns: int) -> list[float]:
        """Return how many milliseconds each of the turns took, with its session's state."""
        return timings(self._next, turns)

    def _next(self) -> Callable[[], object]:
        turn = next(self._requests)
        return lambda: with_state(turn)


def with_state(turn: TurnRequest) -> None:
    """Record the turn. Raises BenchError without a state: then there is nothing to compare."""
    if record(DOMAIN, turn).session_state is None:
        raise BenchError("The turn's answer has no session state.")


class PacedTurns:
    """A web process at a steady pace: a few threads, each with turns of its own."""

    def __init__(self, threads: int, rate: float) -> None:
        """``rate`` is turns a second of all threads together."""
        self._threads, self._pause = threads, threads / rate

    def __call__(self, seconds: float) -> list[Timed]:
        """Return of each turn when it began, its milliseconds, and those that the session's state took of them."""
        began = time.monotonic()
        with ThreadPoolExecutor(self._threads) as pool:
            starts = [began + number * self._pause / self._threads for number in range(self._threads)]
            found = pool.map(lambda first: self._run(first, began + seconds), starts)
            return [timed for each in found for timed in each]

    def _run(self, due: float, end: float) -> list[Timed]:
        found = []
        for turn in requests():
            time.sleep(max(0.0, due - time.monotonic()))
            if due >= end:
                break
            found.append(timed_turn(turn))
            due += self._pause
        return found


def timed_turn(turn: TurnRequest) -> Timed:
    """Do what the gate does, with a clock between its two steps."""
    began = time.monotonic()
    recorded = committed(DOMAIN, turn, None).turn
    written = time.monotonic()
    after_turn(DOMAIN, turn, recorded)
    ended = time.monotonic()
    return began, 1000 * (ended - began), 1000 * (ended - written)
