"""Listening to one session over Redis' pub/sub, and going on when Redis does not."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any

import redis

from persistence.hot import deadline
from persistence.hot.client import Hot, HotUnavailable
from persistence.session.errors import SessionStateUnavailable
from persistence.session.order import Order, Version
from persistence.session.port import Change
from persistence.session.wire import message_of

CONNECT_SECONDS = 1.0  # for dialling, and for what is sent while listening
SILENCE_SECONDS = 5.0  # without a word, the server is asked whether it is there; so long it has to answer
LOOK_SECONDS = 1.0  # between two looks at the store while nobody tells us
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between attempts to connect, doubling
AWAY = (redis.RedisError, OSError, UnicodeDecodeError, HotUnavailable)


class RedisSubscription:
    """One listener with a connection of its own. Not for several threads at once.

    It subscribes first, then looks at what there is (``present``), then listens: so nothing falls between. While there
    is no connection it looks once a second, and it always looks after it has connected; what it finds newer than what
    it told is told, after a gap where a version in between may have been missed.

    A state that was told and is no longer there without a word, because the server came back empty or its time passed
    meanwhile, is a gap whose ``version`` and ``previous`` are both the version told last, and nothing after it: what
    was told does not stand any more. It is told when a second look, a second later, finds nothing either.
    """

    def __init__(
        self,
        hot: Hot,
        domain: str,
        name: str,
        present: Callable[[], Version | None],
        after_version: int | None,
    ) -> None:
        self._hot, self._domain, self._name, self._present = hot, domain, name, present
        self._order = Order(after_version)
        self._untold: deque[Change] = deque()
        self._connection: Any = None
        self._begun = False
        self._believed = bool(after_version)  # whether the client takes some state for the present one
        self._missing = False  # the last look found nothing where there should be something
        self._look_at = self._dial_at = 0.0
        self._pause = FIRST_PAUSE
        self._heard_at = self._asked_at = 0.0  # asked_at: 0 when no answer to a PING is due

    def begin(self) -> None:
        """Subscribe and look, so that nothing from now on is missed; where Redis is out, that is left for later."""
        if not self._hot.is_out:
            self._dial(CONNECT_SECONDS)
        self._look()

    def next(self, timeout: float) -> Change | None:
        ends_at = time.monotonic() + timeout
        while not self._untold:
            self._step(max(0.0, ends_at - time.monotonic()))
            if not self._untold and time.monotonic() >= ends_at:
                return None
        return self._untold.popleft()

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*AWAY):
                connection.disconnect()

    def _step(self, left: float) -> None:
        now = time.monotonic()
        if self._look_at <= now:
            self._look()
        elif self._connection is not None:
            self._listen(min(left, self._look_at - now))
        elif self._dial_at <= now:
            self._dial(min(CONNECT_SECONDS, max(left, FIRST_PAUSE)))
        else:
            time.sleep(min(left, self._dial_at - now, self._look_at - now))

    def _dial(self, seconds: float) -> None:
        try:
            connection = self._hot.connection()
            with deadline.within(seconds):
                self._connection = connection
                connection.connect()
                connection.send_command("SUBSCRIBE", self._name)
                connection.read_response()
        except AWAY:
            self._lost(self._pause)
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            return
        self._pause = FIRST_PAUSE
        self._heard_at, self._asked_at = time.monotonic(), 0.0
        self._look_at = 0.0

    def _lost(self, pause: float) -> None:
        self.close()
        now = time.monotonic()
        self._dial_at = now + pause
        self._look_at = min(self._look_at, now + LOOK_SECONDS)

    def _listen(self, seconds: float) -> None:
        now = time.monotonic()
        due = (self._asked_at or self._heard_at) + SILENCE_SECONDS
        deadline.start(min(now + seconds, max(now, due)))
        try:
            said = self._connection.hear()
        except (redis.TimeoutError, TimeoutError):
            if time.monotonic() >= due:
                self._silent()
            return
        except AWAY:
            self._lost(0.0)
            return
        finally:
            deadline.stop()
        self._heard_at, self._asked_at = time.monotonic(), 0.0
        if isinstance(said, list) and len(said) == 3 and said[0] == b"message":
            self._hear(said[2])

    def _silent(self) -> None:
        if self._asked_at:
            self._lost(0.0)
            return
        try:
            with deadline.within(CONNECT_SECONDS):
                self._connection.send_command("PING")
            self._asked_at = time.monotonic()
        except AWAY:
            self._lost(0.0)

    def _hear(self, message: bytes) -> None:
        found = message_of(self._domain, message)
        if found is None:  # somebody else's message, or a poisoned one: what is in the store decides
            self._look_at = 0.0
        else:
            self._tell(list(self._order.follow(found)))

    def _look(self) -> None:
        now = time.monotonic()
        self._look_at = inf if self._connection is not None else now + LOOK_SECONDS
        try:
            found = self._present()
        except SessionStateUnavailable:
            self._look_at = now + LOOK_SECONDS
            return
        if not self._begun:
            self._begun = True
            changes = list(self._order.begin(found))
        else:
            changes = list(self._order.follow(found)) if found else []
        if found is not None:
            self._tell(changes)
        elif self._believed:
            self._miss(now)

    def _miss(self, now: float) -> None:
        if not self._missing:
            self._missing = True
            self._look_at = min(self._look_at, now + LOOK_SECONDS)
            return
        told = self._order.told or 0
        self._believed = self._missing = False
        self._untold.append(Change("gap", told, told))
        self._order.told = 0  # what comes next follows on nothing, and that is said already

    def _tell(self, changes: list[Change]) -> None:
        self._missing = False
        if changes:
            self._believed = changes[-1].kind == "state"
            self._untold.extend(changes)
