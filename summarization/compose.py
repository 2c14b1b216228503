"""``compose``: from a conversation's text to a checked draft with its status, or to the reason why there is none.

Nothing here writes to the database, and none of it runs inside a transaction: a model may take its time.
"""

import logging
import time
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection

from summarization.draft import Draft, Source, Status
from summarization.fold import BYTES_PER_TOKEN, MOST_SECONDS, Folding, fold, turn_bytes
from summarization.hashing import input_hash
from summarization.language import UNKNOWN, language_of
from summarization.models import ConversationSummary
from summarization.outside import Outcome
from summarization.selectors import draft_of
from summarization.summarizers.port import BackendUnavailable, BadAnswer, Summarizer, SummarizerError
from summarization.summarizers.registry import fallback

NOT_ASKED, TOO_COSTLY = "backend_unavailable", "too_costly"
WHY_NOT_ASKED = {
    NOT_ASKED: "It was not asked: it had not answered for others just before.",
    TOO_COSTLY: "It was not asked: this conversation alone may take more than the whole budget.",
}
SMALLEST_COST = Decimal("0.000001")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Composed:
    """What came of one conversation.

    ``failure`` is empty, or the code of what went wrong with the backend that was asked; ``detail`` says it to people,
    without a word of what was said. With a failure, ``draft`` is the fallback's and ``fallback_for`` names the backend
    that it stands in for; it is None when there is no fallback either. ``backend``, ``model``, ``prompt_version`` and
    ``input_hash`` are those of what made the draft. Tokens and cost include those of tries that came to nothing.
    ``unavailable``: nobody else would have been answered by the backend, either.
    """

    draft: Draft | None
    status: Status
    status_because: str
    backend: str
    model: str
    prompt_version: str
    input_hash: bytes
    fallback_for: str
    failure: str
    detail: str
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal
    duration_ms: int
    unavailable: bool = False


@dataclass(frozen=True, slots=True)
class _Try:
    """What one summariser made of the conversation, or why it made nothing."""

    by: Summarizer
    draft: Draft | None
    failure: str = ""
    detail: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    unavailable: bool = False


def compose(
    source: Source,
    summarizer: Summarizer,
    *,
    previous: ConversationSummary | None,
    outcome: Outcome | None,
    not_asked: str = "",
) -> Composed:
    """Summarise a conversation, check it, and say how it stands; whatever goes wrong is part of the answer.

    1. ask the summariser, carrying ``previous`` on where the whole is too long · 2. where that fails, or is not to be
    tried (``not_asked`` says why), let the fallback stand in · 3. derive the status, from ``outcome`` and control
    before words.
    The summariser has MOST_SECONDS; a fallback takes a second at the most. Raises RuntimeError inside a transaction.
    """
    if connection.in_atomic_block:
        raise RuntimeError("compose() may take minutes; call it outside of every transaction.")
    began = time.monotonic()
    asked = _not_asked(summarizer, not_asked) if not_asked else _asked(source, summarizer, previous)
    made = asked
    if asked.failure and fallback().name != summarizer.name:
        made = _asked(source, fallback(), None)
        log.info("summary of conversation %s: %s, %s", source.conversation_id, asked.failure, made.by.name)
    draft = _in_its_language(source, made.draft)
    status, because = status_of(source, outcome, draft)
    return Composed(
        draft=draft,
        status=status,
        status_because=because,
        backend=made.by.name,
        model=made.by.model,
        prompt_version=made.by.prompt_version,
        input_hash=input_hash(source, made.by),
        fallback_for="" if made is asked else summarizer.name,
        failure=asked.failure,
        detail=" ".join(part for part in dict.fromkeys((asked.detail, made.detail)) if part),
        tokens_in=asked.tokens_in,
        tokens_out=asked.tokens_out,
        cost_usd=cost_of(asked.tokens_in, asked.tokens_out),
        duration_ms=round((time.monotonic() - began) * 1000),
        unavailable=asked.unavailable,
    )


def status_of(source: Source, outcome: Outcome | None, draft: Draft | None) -> tuple[Status, str]:
    """Return how the conversation stands, and what says so: its case, who has control, its words, or nothing."""
    if outcome is not None:
        return outcome.status, outcome.because
    if source.control in ("queued", "human"):
        return "escalated", f"control is {source.control}"
    if draft is not None and draft.status is not None:
        return draft.status, "the conversation's words"
    return "open", "nothing says otherwise"


def cost_of(tokens_in: int, tokens_out: int) -> Decimal:
    """Return US dollars by the prices of the settings, rounded up to a millionth."""
    price_in = Decimal(str(settings.SUMMARY_USD_PER_MILLION_IN))
    price_out = Decimal(str(settings.SUMMARY_USD_PER_MILLION_OUT))
    millionths = tokens_in * price_in + tokens_out * price_out
    return (millionths / 1_000_000).quantize(SMALLEST_COST, rounding=ROUND_UP)


def _asked(source: Source, summarizer: Summarizer, previous: ConversationSummary | None) -> _Try:
    folding = Folding(summarizer, until=time.monotonic() + MOST_SECONDS)
    carried, after = _carried(source, summarizer, previous)
    draft, failure, detail, unavailable = None, "", "", False
    try:
        if not source.turns:
            raise BadAnswer("empty", "Nobody said anything.")
        draft = fold(folding, source.turns, previous=carried, after=after)
    except SummarizerError as error:
        failure, detail = error.code, str(error)
        unavailable = isinstance(error, BackendUnavailable)
    except SoftTimeLimitExceeded:  # the worker is to stop; this says nothing about the conversation
        raise
    except Exception as error:
        _log_defect(summarizer, error)
        failure = f"summarizer_error:{type(error).__name__}"
        detail = "The summariser has a defect; see the log."
    return _Try(summarizer, draft, failure, detail, folding.tokens_in, folding.tokens_out, unavailable)


def _log_defect(summarizer: Summarizer, error: Exception) -> None:
    """Log where a summariser broke. Not the error's message, which may quote the conversation; lines are code."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "nowhere"
    log.error("summariser %s: %s at %s", summarizer.name, type(error).__name__, place)


def _not_asked(summarizer: Summarizer, why: str) -> _Try:
    return _Try(summarizer, None, why, WHY_NOT_ASKED[why], unavailable=why == NOT_ASKED)


def _carried(
    source: Source, summarizer: Summarizer, previous: ConversationSummary | None
) -> tuple[Draft | None, int]:
    """Return the draft to carry on and how far it reaches; None and 0 where everything is read again.

    What fits is read whole, because that makes the better summary; and so does what costs nothing.
    """
    size = sum(map(turn_bytes, source.turns))
    if previous is None or not summarizer.most_tokens_out or size <= summarizer.part_tokens * BYTES_PER_TOKEN:
        return None, 0
    made_alike = (
        previous.fallback_for == ""
        and (previous.backend, previous.model, previous.prompt_version)
        == (summarizer.name, summarizer.model, summarizer.prompt_version)
        and previous.redaction_version == source.redaction_version
    )
    if not made_alike or previous.to_seq >= source.to_seq:
        return None, 0
    return draft_of(previous), previous.to_seq


def _in_its_language(source: Source, draft: Draft | None) -> Draft | None:
    """Write down the language that the customer's words are in, where they tell, rather than what was claimed."""
    if draft is None:
        return None
    found = language_of(said.text for turn in source.turns for said in turn.said if said.role == "user")
    return draft if found == UNKNOWN else replace(draft, language=found)
