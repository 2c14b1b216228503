"""A turn with and without the wish for a human, and what an agent does with the case that it opens."""

import itertools
import json
from collections.abc import Callable
from typing import Any

from django.test import Client

from bench.contenders.shape import CHANNEL, DOMAIN, fresh, timings
from bench.harness.result import BenchError
from bench.harness.words import exchanges
from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.gate import GatedTurn, record_turn
from persistence.apikeys import create_key

WISH = {"reason_code": "user_request", "reason": "The customer asked for a person."}
ANNA = Actor("anna")


class Handoffs:
    """Does one ``kind`` of thing after the other, each in a conversation of its own."""

    def __init__(self) -> None:
        self._messages = itertools.cycle(exchanges())
        self._sessions, self._requests = fresh("session"), fresh("request")
        self._client = Client(HTTP_HOST="127.0.0.1")
        self._key = {"Authorization": f"Bearer {create_key(DOMAIN, 'handoffs').key}"}
        self._kinds: dict[str, Callable[[], Callable[[], object]]] = {
            "turn": lambda: self._post(None),
            "turn with handoff": lambda: self._post(WISH),
            "recorded": lambda: self._record(None),
            "recorded with handoff": lambda: self._record(WISH),
            "claim": self._claim,
            "reply": self._reply,
        }

    def __call__(self, kind: str, times: int) -> list[float]:
        """Return how many milliseconds each took."""
        return timings(self._kinds[kind], times)

    def _turn(self, wish: dict[str, str] | None) -> dict[str, Any]:
        turn = {
            "channel": CHANNEL,
            "session_id": next(self._sessions),
            "request_id": next(self._requests),
            "messages": next(self._messages),
        }
        return turn if wish is None else turn | {"handoff": wish}

    def _post(self, wish: dict[str, str] | None) -> Callable[[], object]:
        body = json.dumps(self._turn(wish))
        return lambda: self._posted(body)

    def _posted(self, body: str) -> None:
        answer = self._client.post("/api/v1/turns", body, content_type="application/json", headers=self._key)
        if answer.status_code != 201:
            raise BenchError(f"A turn was answered {answer.status_code}: {answer.content!r}")

    def _record(self, wish: dict[str, str] | None) -> Callable[[], GatedTurn]:
        turn = self._turn(wish)
        return lambda: record_turn(domain=DOMAIN, **turn)

    def _claim(self) -> Callable[[], object]:
        case_id = self._record(WISH)().case_id
        assert case_id is not None
        return lambda: actions.claim(case_id, actor=ANNA)

    def _reply(self) -> Callable[[], object]:
        case_id = self._record(WISH)().case_id
        assert case_id is not None
        actions.claim(case_id, actor=ANNA)
        return lambda: actions.reply(case_id, actor=ANNA, text="I have sent you a new one today.")
