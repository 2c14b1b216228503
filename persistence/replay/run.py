"""Send conversations: each one's exchanges in order, many conversations at once.

A worker takes a conversation and stays with it to its end, so order needs no further care. An exchange
that was not acknowledged is sent again, unchanged, until its patience ends; only then may anything be
counted as failed.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event, Lock

from persistence.replay.answers import Acknowledged, Answer, Denied, Refused, Sender, Unavailable
from persistence.replay.dialogues import Dialogue, Exchange, Unreadable, exchanges
from persistence.replay.pace import Pace
from persistence.replay.summary import Failure, Summary, Tally

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
LONGEST_WISH_SECONDS = 10.0  # what a server's Retry-After is believed
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to send. ``rate`` is turns a second over all workers, None as fast as it goes.

    ``patience`` is how many seconds one exchange is sent again while nobody takes it; then the whole run
    ends.
    """

    workers: int = 4
    rate: float | None = None
    repeat: int = 1
    run: str = ""
    patience: float = PATIENCE_SECONDS


def replay(
    read: Callable[[], Iterable[Dialogue | Unreadable]],
    sender: Callable[[], Sender],
    plan: Plan,
    *,
    on_exchange: Callable[[], None] = lambda: None,
) -> Summary:
    """Send everything that ``read()`` gives, ``plan.repeat`` times, and say what became of it.

    ``read`` is called once for each repetition, ``sender`` once in each worker's thread; ``on_exchange``
    is called in workers' threads whenever an exchange is done with. A Ctrl-C ends the run after the
    exchanges in hand; the rest counts as failed and is sent when the same replay is started again.
    """
    return Replay(read, sender, plan, on_exchange).run()


class Replay:
    """One run and what its workers share."""

    def __init__(
        self,
        read: Callable[[], Iterable[Dialogue | Unreadable]],
        sender: Callable[[], Sender],
        plan: Plan,
        on_exchange: Callable[[], None],
    ) -> None:
        self._read, self._sender, self._plan, self._on_exchange = read, sender, plan, on_exchange
        self._pace, self._tally = Pace(plan.rate), Tally()
        self._stopped, self._why = Event(), ""
        self._conversations = self._all()
        self._next = Lock()

    def run(self) -> Summary:
        """1. let the workers work · 2. count what a stop left over."""
        interrupted = False
        with ThreadPoolExecutor(self._plan.workers, thread_name_prefix="replay") as pool:
            futures = [pool.submit(self._work) for _ in range(self._plan.workers)]
            try:
                ended = wait(futures, return_when=FIRST_EXCEPTION).done
                if any(future.exception() for future in ended):
                    self._stop("not sent, because a worker failed")
            except KeyboardInterrupt:
                interrupted = True
                self._stop("not sent, because the run was interrupted")
        for future in futures:
            future.result()
        self._skip([exchange for turns in self._conversations for exchange in turns], self._why)
        return self._tally.summary(interrupted=interrupted)

    def _all(self) -> Iterator[list[Exchange]]:
        for repeat in range(1, self._plan.repeat + 1):
            for found in self._read():
                if isinstance(found, Dialogue):
                    yield exchanges(found, run=self._plan.run, repeat=repeat)
                elif repeat == 1:
                    self._tally.failed(Failure(found.where, found.reason))

    def _work(self) -> None:
        sender = self._sender()
        try:
            while not self._stopped.is_set():
                with self._next:
                    turns = next(self._conversations, None)
                if turns is None:
                    return
                self._send_in_order(sender, turns)
        finally:
            sender.close()

    def _send_in_order(self, sender: Sender, turns: Sequence[Exchange]) -> None:
        for done, exchange in enumerate(turns):
            if self._stopped.wait(self._pace.pause(time.monotonic())):
                return self._skip(turns[done:], self._why)
            began = time.monotonic()
            answer = self._send_until_answered(sender, exchange, began)
            if isinstance(answer, Acknowledged):
                self._tally.acknowledged(time.monotonic() - began, replayed=answer.replayed)
            else:
                self._tally.failed(Failure(exchange.name, answer.reason))
            self._on_exchange()
            if isinstance(answer, Denied | Unavailable):
                self._stop(f"not sent, because the run had ended: {answer.reason}")
            elif isinstance(answer, Refused) and answer.final:
                return self._skip(turns[done + 1 :], "not sent, because an earlier exchange was refused")
        return None

    def _send_until_answered(self, sender: Sender, exchange: Exchange, began: float) -> Answer:
        pause = FIRST_PAUSE_SECONDS
        while isinstance(answer := sender.send(exchange), Unavailable):
            wish = min(answer.retry_after or 0.0, LONGEST_WISH_SECONDS)
            if self._stopped.is_set() or time.monotonic() - began + max(pause, wish) > self._plan.patience:
                break
            self._tally.retried()
            self._stopped.wait(max(wish, pause * random.uniform(0.5, 1.0)))  # noqa: S311 - no secret
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return answer

    def _skip(self, turns: Sequence[Exchange], reason: str) -> None:
        if turns:
            self._tally.failed(Failure(turns[0].name, reason, len(turns)))
            for _ in turns:
                self._on_exchange()

    def _stop(self, why: str) -> None:
        with self._next:
            if not self._stopped.is_set():
                self._why = why
                self._stopped.set()
