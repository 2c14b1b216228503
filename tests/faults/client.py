"""Clients as they are out there: they post turns one after the other, retry, and write down what they were told."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.history import Attempt, History, Outcome, content_hash

PATIENCE_SECONDS = 90.0
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; status 0 when there was none."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass
class Client:
    """Posts turns to one web server; everything that happens is written into ``history``."""

    url: str
    key: str
    history: History
    timeout: float = 60.0

    def post(self, session_id: str, request_id: str, text: str | None = None, **more: Any) -> Answer:
        """Send one turn once and write down what came of it."""
        messages = said(request_id if text is None else text)
        turn = {
            "channel": "web",
            "session_id": session_id,
            "request_id": request_id,
            "messages": messages,
        } | more
        answer = self.request("POST", "/api/v1/turns", json.dumps(turn).encode())
        self.history.add(_attempt(turn, answer))
        return answer

    def post_until_acknowledged(self, session_id: str, request_id: str) -> Answer:
        """Send one turn again and again until it is acknowledged. Raises AssertionError when patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.post(session_id, request_id)).status not in (200, 201):
            assert answer.status in (NO_ANSWER, 503), f"{answer.status}: {answer.body!r}"
            assert time.monotonic() < deadline, f"{request_id} was not acknowledged: {answer}"
            time.sleep(0.1)
        return answer

    def converse(self, session_id: str, turns: int) -> None:
        """Have a conversation: each turn is sent when the one before it is acknowledged."""
        for number in range(1, turns + 1):
            self.post_until_acknowledged(session_id, f"{session_id}/{number}")

    def request(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Ask once, on a connection of its own. No answer is an answer with status 0."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=self.timeout)
        began = time.monotonic()
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            found = connection.getresponse()
            content = found.read()
        except (OSError, http.client.HTTPException):
            return Answer(NO_ANSWER, seconds=time.monotonic() - began)
        finally:
            connection.close()
        names = {name.lower(): value for name, value in found.getheaders()}
        return Answer(found.status, names, content, time.monotonic() - began)


def said(text: str) -> list[dict[str, Any]]:
    """A question and its answer."""
    return [{"role": "user", "content": text}, {"role": "assistant", "content": f"You said: {text}"}]


class Crowd:
    """Several clients at once, each with its share of the conversations. Use as a context manager."""

    def __init__(self, client: Client, sessions: Iterable[str], *, turns: int, threads: int = 4) -> None:
        waiting = list(sessions)
        random.Random(len(waiting)).shuffle(waiting)
        self._shares = [waiting[start::threads] for start in range(threads)]
        self._client, self._turns = client, turns
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._talk, args=(share,)) for share in self._shares]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    @property
    def talking(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _talk(self, sessions: list[str]) -> None:
        try:
            for session in sessions:
                self._client.converse(session, self._turns)
        except BaseException as error:  # Raised again where the test waits.
            self._errors.append(error)


class Background:
    """One request under way."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._answer: list[Answer] = []
        self._thread = threading.Thread(target=lambda: self._answer.append(work()))
        self._thread.start()

    def wait(self) -> Answer:
        self._thread.join()
        return self._answer[0]


def _attempt(turn: dict[str, Any], answer: Answer) -> Attempt:
    outcome: Outcome = "fail" if 400 <= answer.status < 500 else "unknown"
    places: dict[str, Any] = {}
    if answer.status in (200, 201):
        outcome = "ok"
        places = {name: answer.document[name] for name in ("conversation_id", "turn_id", "seq")}
    return Attempt(
        turn["request_id"],
        turn["session_id"],
        content_hash(turn["messages"]),
        outcome,
        answer.status,
        seconds=answer.seconds,
        **places,
    )
