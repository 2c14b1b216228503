"""Reading the last turns of conversations, as the settings say: through the cache, or from Postgres."""

import itertools
from collections.abc import Callable

from django.conf import settings
from prometheus_client import REGISTRY

from bench.contenders.shape import DOMAIN, timings
from bench.harness.result import BenchError
from persistence.history import FoundConversation, HistoryTurn, find_conversation, history
from persistence.models import Conversation


class LastTurns:
    """Reads the last ``limit`` turns of each conversation, one after the other; all have been read once before."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        ids = Conversation.objects.filter(domain=DOMAIN).order_by("pk").values_list("public_id", flat=True)
        found = [find_conversation(DOMAIN, conversation_id) for conversation_id in ids]
        self._conversations = [one for one in found if one is not None]
        for one in self._conversations:
            self._read(one)
        self._next_one = itertools.cycle(self._conversations)

    def __call__(self, reads: int) -> list[float]:
        """Return how many milliseconds each of the reads took. Raises BenchError when the cache did not answer them."""
        before = hits()
        found = timings(self._next, reads)
        if settings.HISTORY_CACHE != "off" and hits() - before != reads:
            raise BenchError(f"Of {reads} reads the cache answered {hits() - before:g}.")
        return found

    def _next(self) -> Callable[[], object]:
        conversation = next(self._next_one)
        return lambda: self._read(conversation)

    def _read(self, conversation: FoundConversation) -> list[HistoryTurn]:
        turns = history(conversation, before_seq=conversation.last_seq + 1, limit=self._limit)
        if len(turns) != self._limit:
            raise BenchError(f"Of {self._limit} turns {len(turns)} were read.")
        return turns


def hits() -> float:
    """Return how many reads the cache has answered in this process."""
    return REGISTRY.get_sample_value("holdfast_history_cache_total", {"outcome": "hit"}) or 0
