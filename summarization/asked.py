"""``summarize_now``: an agent, or their system, asks for one summary and never waits for a model."""

import logging
import time
from dataclasses import dataclass, replace

from django.db import connection

from persistence.models import Conversation
from summarization.claims import take_one, take_waiting
from summarization.compose import compose
from summarization.models import ConversationSummary, DomainPolicy
from summarization.one import LEASE_SECONDS, Ready, anything, prepare_each, summarize_one
from summarization.store import settle
from summarization.summarizers.port import Summarizer
from summarization.summarizers.registry import configured, fallback

MOST_WAITING = 100
# It leaves a night's run that has not come to it: whoever asks does not want to wait for the night.
WAIT = """
UPDATE summarization_item SET state = 'pending', run_id = NULL, chunk = 0, updated_at = clock_timestamp()
WHERE conversation_id = %(conversation)s AND state <> 'working'
"""
WAITING = """
SELECT conversation_id FROM summarization_item
WHERE run_id IS NULL AND state IN ('pending', 'working') AND state = 'pending' ORDER BY updated_at LIMIT %(limit)s
"""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """``summary`` is the newest there is, None when nobody has said anything; ``queued``: a better one is coming."""

    summary: ConversationSummary | None
    queued: bool


def summarize_now(conversation_pk: int, *, by: str) -> Asked:
    """Return a summary of everything said so far; ``by`` says for the log who asks, such as ``user:ann``.

    Neither silence nor length is asked for, only that something was said, in a domain that is summarised at all. What
    is fresh is returned as it is. The extractive summariser does it here and now. Where a model is configured, its
    stand-in's summary is stored at once unless a full one is fresh, and a worker asks the model within seconds:
    ``queued``.
    """
    summarizer, stand_in = configured(), fallback()
    current = _current(conversation_pk)
    if not _is_wanted(conversation_pk, current, summarizer):
        return Asked(current, queued=False)
    claim = take_one(conversation_pk, LEASE_SECONDS)
    if claim is None:  # somebody is at it
        return Asked(current, queued=True)
    log.info("conversation %s: a summary was asked for by %s", conversation_pk, by)
    for ready in prepare_each([claim]):
        if summarizer.name == stand_in.name or anything(ready.source):
            summarize_one(ready, stand_in, unworthy=anything)
            return Asked(_current(conversation_pk), queued=False)
        _stand_in(ready, summarizer, stand_in)
    return Asked(_current(conversation_pk), queued=_wait(conversation_pk))


def summarize_asked(until: float) -> None:
    """Ask the model about everything that somebody waits for, until ``time.monotonic()`` says so.

    What another has come to meanwhile is left to them, so any number of workers may do this at once.
    """
    summarizer = configured()
    for pk in waiting():
        if time.monotonic() >= until:
            return
        if claim := take_waiting(pk, LEASE_SECONDS):
            for ready in prepare_each([claim]):
                summarize_one(ready, summarizer, unworthy=anything)


def waiting() -> list[int]:
    """Return the conversations that somebody waits for, those first that wait longest."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"limit": MOST_WAITING})
        return [pk for (pk,) in cursor.fetchall()]


def _is_wanted(conversation_pk: int, current: ConversationSummary | None, summarizer: Summarizer) -> bool:
    """Say whether there is something to summarise that a full summary does not cover."""
    found = Conversation.objects.filter(pk=conversation_pk, last_seq__gt=0).only("domain", "last_seq").first()
    if found is None or DomainPolicy.objects.filter(domain=found.domain, summaries=False).exists():
        return False
    return current is None or current.to_seq < found.last_seq or current.fallback_for == summarizer.name


def _stand_in(ready: Ready, summarizer: Summarizer, stand_in: Summarizer) -> None:
    """Store the stand-in's summary, marked as one."""
    composed = compose(ready.source, stand_in, previous=ready.previous, outcome=ready.outcome)
    settle(ready.claim, ready.source, replace(composed, fallback_for=summarizer.name))


def _wait(conversation_pk: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAIT, {"conversation": conversation_pk})
        return bool(cursor.rowcount)


def _current(conversation_pk: int) -> ConversationSummary | None:
    return ConversationSummary.objects.filter(conversation_id=conversation_pk).first()
