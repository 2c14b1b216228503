"""Reading through the cache: the same answer as from Postgres, and Postgres asked at most once."""

from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.db import connection

from persistence.hot.client import HotUnavailable
from persistence.recent import cache
from persistence.recent.entries import Poisoned
from persistence.recent.flights import Flights
from persistence.recent.metrics import BYPASSED, HIT, MISS, POISONED, UNAVAILABLE, read_from_cache
from persistence.transcript import FoundConversation, HistoryTurn

PATIENCE_SECONDS = 1.0  # what a reader waits for another one that asks for the same
Load = Callable[[], list[HistoryTurn]]
_flights: Flights[list[HistoryTurn]] = Flights(PATIENCE_SECONDS)


def through_cache(conversation: FoundConversation, seqs: range, load: Load) -> list[HistoryTurn]:
    """Return the turns ``seqs`` of a conversation, from the cache where it holds them all, else by ``load``.

    ``load`` asks Postgres. Threads of this process that ask for the same at the same time share one answer: that of the
    conversation as they all found it, without a turn that has come since.
    """
    reach = conversation.last_seq - seqs.start + 1  # a list is held from the newest turn back
    if not seqs or reach > settings.HISTORY_CACHE_TURNS or connection.in_atomic_block:
        BYPASSED.inc()
        return load()
    about = (conversation.conversation_id, conversation.chain_head, seqs)
    turns, shared = _flights.share(about, lambda: looked_up(conversation, seqs, load))
    if not shared:
        return turns
    HIT.inc()
    return list(turns)


def looked_up(conversation: FoundConversation, seqs: range, load: Load) -> list[HistoryTurn]:
    """Ask the cache; where it does not know, ask Postgres and tell the cache.

    1. what is held up to the conversation's head · 2. enough: done · 3. what Postgres has · 4. hold that from now on.
    """
    reach = conversation.last_seq - seqs.start + 1
    began = perf_counter()
    held, outcome = cache.NOTHING, MISS
    try:
        held = cache.read(conversation, reach)
    except Poisoned:
        outcome = POISONED
    except HotUnavailable:
        UNAVAILABLE.inc()
        return load()
    if len(held.turns) == reach:
        HIT.inc()
        read_from_cache(perf_counter() - began)
        return held.turns[: len(seqs)]
    outcome.inc()
    turns = [turn for turn in load() if turn.seq < seqs.stop]
    cache.fill(conversation, turns, held, worthless=outcome is POISONED)
    return turns
