"""Somebody who opens pages of the console, and asks the API, through the whole application but for the socket."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from bench.contenders.shape import DOMAIN, timings
from bench.harness.desk import AGENT
from bench.harness.result import BenchError
from handoff.models import SupportCase
from handoff.models.cases import LIVE
from persistence.apikeys import create_key

QUEUE = "/admin/handoff/supportcase/"
AMONG = 200  # cases, from all over the table, that are looked at in turn
MANY_EVENTS = 100


class Pages:
    """Opens one kind of page after the other; see ``addresses`` for the kinds."""

    def __init__(self) -> None:
        self._client = Client(HTTP_HOST="127.0.0.1")
        self._client.force_login(User.objects.get(username=AGENT))
        self._key = {"Authorization": f"Bearer {create_key(DOMAIN, 'pages').key}"}
        self._addresses = {kind: itertools.cycle(found) for kind, found in addresses().items()}

    def __call__(self, kind: str, times: int) -> list[float]:
        """Return how many milliseconds each of the pages took."""
        return timings(lambda: self._opening(self._addresses[kind]), times)

    def _opening(self, kinds: Iterator[str]) -> Callable[[], object]:
        address = next(kinds)
        return lambda: self._open(address)

    def _open(self, address: str) -> None:
        headers: dict[str, Any] = self._key if address.startswith("/api/") else {}
        answer = self._client.get(address, headers=headers)
        if answer.status_code != 200:
            raise BenchError(f"GET {address} was answered {answer.status_code}.")


def addresses() -> dict[str, list[str]]:
    """Return the addresses of each kind of page in this database."""
    cases = SupportCase.objects.filter(domain=DOMAIN).select_related("conversation")
    usual = cases.filter(status__in=LIVE, event_seq__lt=MANY_EVENTS).order_by("-id")[:AMONG]
    long = cases.filter(event_seq__gte=MANY_EVENTS).order_by("-id")[:AMONG] or usual
    queue = cases.values_list("queue_id", flat=True)[0]
    return {
        "queue": [QUEUE],
        "filtered": [f"{QUEUE}?{query}" for query in ("owner=me", f"queue={queue}", "sla=red", "reason=vip")],
        "ended": [f"{QUEUE}?state=ended"],
        "search": [f"{QUEUE}?q={words}" for words in ("refund", "w123", "w77+refund", "case77")],
        "rows": [f"{QUEUE}live/"],
        "case": [f"{QUEUE}{case.pk}/change/" for case in usual],
        "long case": [f"{QUEUE}{case.pk}/change/" for case in long],
        "news": [f"{QUEUE}{case.pk}/live/" for case in usual],
        "dashboard": ["/admin/"],
        "api cases": ["/api/v1/cases?limit=50"],
        "api context": [context_of(case) for case in usual],
        "api long context": [context_of(case) for case in long],
    }


def context_of(case: SupportCase) -> str:
    """Return the address at which the assistant asks what it needs next."""
    return f"/api/v1/conversations/{case.conversation.public_id}/context?token_budget=8000"
