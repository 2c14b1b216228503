"""One conversation, from the claim on it to what is stored: every way of summarising goes through here."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError

from summarization.claims import Claim, fail, release, skip
from summarization.compose import Composed, compose
from summarization.draft import Source
from summarization.fold import MOST_SECONDS
from summarization.hashing import input_hash
from summarization.models import ConversationSummary
from summarization.outside import Outcome, outside
from summarization.source import read_source, read_sources
from summarization.store import settle
from summarization.summarizers.port import Summarizer
from summarization.worth import unworthy

# Longer than the longest stay with a summariser, and than reading and storing beside it.
LEASE_SECONDS = MOST_SECONDS + 70
UNCHANGED, EMPTY, GONE = "unchanged", "empty", "gone"
STORAGE_ERROR = "storage_error"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed conversation with all that is read of it before anybody thinks."""

    claim: Claim
    source: Source
    previous: ConversationSummary | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: done, skipped, failed, released, or lost to whoever held the claim meanwhile; and why."""

    how: str
    reason: str = ""
    composed: Composed | None = None
    summary: ConversationSummary | None = None


def anything(source: Source) -> str:
    """Return why this source is not worth asking for: only when nobody has said anything."""
    return "" if source.turns else EMPTY


def prepare(claims: Sequence[Claim]) -> list[Ready]:
    """Read what was said, what is stored and how the cases stand, for all claims in few statements.

    A claim whose conversation is gone, or cannot be read, is settled here and left out. Raises DatabaseError when
    Postgres is away.
    """
    pks = [claim.conversation_pk for claim in claims]
    sources = read_sources(pks) if len(claims) > 1 else {}
    stored = {
        found.conversation_id: found for found in ConversationSummary.objects.filter(conversation_id__in=pks)
    }
    outcomes = outside().outcomes(pks)
    ready = []
    for claim in claims:
        pk = claim.conversation_pk
        source = sources.get(pk) or read_source(pk)
        if source is None:
            skip(claim, GONE)
            continue
        ready.append(Ready(claim, source, stored.get(pk), outcomes.get(pk)))
    return ready


def prepare_each(claims: Sequence[Claim]) -> list[Ready]:
    """Do as ``prepare`` does; when that fails, one by one, so that one bad conversation spoils only itself."""
    try:
        return prepare(claims)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        if len(claims) > 1:
            return [ready for claim in claims for ready in prepare_each([claim])]
        give_up(claims[0], error)
        return []


def summarize_one(
    ready: Ready,
    summarizer: Summarizer,
    *,
    not_asked: str = "",
    unworthy: Callable[[Source], str] = unworthy,
    unaffordable: Callable[[Source], str] = lambda source: "",
) -> Ended:
    """Summarise one claimed conversation and settle the claim.

    1. skip it when it is not worth it, or nothing has changed · 2. release it when it cannot be afforded · 3. compose,
    with no transaction open · 4. settle, in one transaction. Nothing but an absent Postgres, or the end of a worker's
    time, gets out: whatever else goes wrong is this conversation's failure.
    """
    try:
        return _summarized(ready, summarizer, not_asked, unworthy, unaffordable)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        give_up(ready.claim, error)
        return Ended("failed", STORAGE_ERROR)


def _summarized(
    ready: Ready,
    summarizer: Summarizer,
    not_asked: str,
    unworthy: Callable[[Source], str],
    unaffordable: Callable[[Source], str],
) -> Ended:
    claim, source = ready.claim, ready.source
    previous = bytes(ready.previous.input_hash) if ready.previous else None
    if reason := unworthy(source) or unchanged(source, summarizer, previous):
        return Ended("skipped" if skip(claim, reason, to_seq=source.to_seq) else "lost", reason)
    if not not_asked and (reason := unaffordable(source)):
        release(claim)
        return Ended("released", reason)
    composed = compose(
        source, summarizer, previous=ready.previous, outcome=ready.outcome, not_asked=not_asked
    )
    summary = settle(claim, source, composed)
    if composed.failure:
        return Ended("failed", composed.failure, composed, summary)
    return Ended("done" if summary else "lost", "", composed, summary)


def unchanged(source: Source, summarizer: Summarizer, previous: bytes | None) -> str:
    """Return why it would be made again of the same; empty where the stored one's hash, if any, is another."""
    return UNCHANGED if previous is not None and previous == input_hash(source, summarizer) else ""


def give_up(claim: Claim, error: Exception) -> None:
    """Note that this conversation failed; by a statement of its own, which raises when Postgres is away.

    Messages of errors may quote what was said; their types do not.
    """
    kind = type(error).__name__
    log.error("conversation %s was not summarised: %s", claim.conversation_pk, kind)
    reason = STORAGE_ERROR if isinstance(error, DatabaseError) else "defect"
    fail(claim, reason, f"{kind} while it was read, summarised or stored.")
