"""When Redis is asked at all, and for how long: the one who asks first waits, whoever asks beside it hardly does."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from persistence.hot.errors import HotUnavailable

SHARE = 0.2  # of the budget: what a call may wait that began beside another one
SMALL_SHARE = 0.04  # of the budget: what it may wait when the other one has used up that much already


@dataclass(slots=True)
class Ticket:
    """The right to ask once. ``first``: there was no other call in flight, so its time-out speaks for all."""

    first: bool
    began: float
    seconds: float


class Breaker:
    """Closed until the first failure, then open until ``close()``. ``opened`` is called once for each opening.

    The rule that bounds what a frozen server costs: of the calls in flight the first has the whole budget, and only
    its time-out opens the breaker. Those beside it have a fifth, and less when the first one is late already; when they
    give up they have just abstained. So a freeze costs one call the budget, and each of the others a fifth of it.
    """

    def __init__(self, budget: float, opened: Callable[[], None]) -> None:
        self._budget = budget
        self._opened = opened
        self._lock = threading.Lock()
        self._first: Ticket | None = None
        self.is_open = False

    def admit(self, now: float, *, whole: bool = False) -> Ticket:
        """Return a ticket, to be handed back by ``done``; ``now`` is the monotonic clock's.

        ``whole``: with the whole budget in any case, and then its time-out speaks for all as well. Raises
        HotUnavailable while the breaker is open.
        """
        with self._lock:
            if self.is_open:
                raise HotUnavailable("skipped")
            if self._first is None:
                self._first = Ticket(True, now, self._budget)
                return self._first
            if whole:
                return Ticket(False, now, self._budget)
            is_late = now - self._first.began > self._budget * SHARE
        return Ticket(False, now, self._budget * (SMALL_SHARE if is_late else SHARE))

    def done(self, ticket: Ticket) -> None:
        """Take the ticket back."""
        if ticket.first:
            with self._lock:
                self._first = None

    def failed(self, ticket: Ticket, reason: str) -> str:
        """Judge a failure; return what it is called. Opens the breaker, unless the failure is only that caller's."""
        if reason == "command":
            return reason
        if reason == "timeout" and not ticket.first and ticket.seconds < self._budget:
            return "abstained"
        with self._lock:
            if self.is_open:
                return reason
            self.is_open = True
        self._opened()
        return reason

    def close(self) -> None:
        """Let calls through again."""
        with self._lock:
            self.is_open = False
