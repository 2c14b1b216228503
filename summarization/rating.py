"""What people think of summaries: judgements, and how sure one may be of the share of good ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models.functions import Now

from persistence.database import translated
from summarization.models import SummaryRating
from summarization.summarizers.registry import configured

Z = 1.959963984540054  # of the normal distribution, for 95 % on both sides
LONGEST_REASON = 500
# The conversation is locked first, as by everybody who writes about it: an erasure waits, or has taken the summary.
CURRENT = """
SELECT s.domain, s.backend, s.model, s.prompt_version
FROM persistence_conversation AS c JOIN summarization_summary AS s ON s.conversation_id = c.id
WHERE s.id = %s AND s.input_hash = %s FOR KEY SHARE OF c
"""
# A text that two people have judged counts once, and as good where both say so.
TALLY = """
SELECT backend, model, prompt_version, count(*), count(*) FILTER (WHERE good)
FROM (
    SELECT backend, model, prompt_version, bool_and(good) AS good, max(rated_at) AS last
    FROM summarization_rating WHERE domain = %s
    GROUP BY summary_id, input_hash, backend, model, prompt_version
) AS judged
GROUP BY backend, model, prompt_version ORDER BY max(last) DESC
"""


class Maker(NamedTuple):
    """What made a summary: the same text would be summarised otherwise wherever one of these differs."""

    backend: str
    model: str
    prompt_version: str


class SummaryHasChanged(Exception):
    """The text that was judged is not there any more: it was made anew, or erased. Nothing was kept."""


class ReasonMissing(Exception):
    """A summary was called bad, and not why. Nothing was kept."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many summaries by one maker were judged, and how many of them are good."""

    maker: Maker
    judged: int
    good: int

    @property
    def share(self) -> float:
        """The share of good ones, 0 to 1; 0 where none was judged."""
        return self.good / self.judged if self.judged else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of all of them lies with 95 % confidence, going by those that were judged."""
        return wilson(self.good, self.judged)


def in_force() -> Maker:
    """Return what makes summaries now, by the settings."""
    summarizer = configured()
    return Maker(summarizer.name, summarizer.model, summarizer.prompt_version)


def wilson(good: int, judged: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson 1927), which also holds for few and for all-good judgements."""
    if not judged:
        return 0.0, 1.0
    share, spread = good / judged, Z * Z / judged
    middle = share + spread / 2
    half = Z * sqrt(share * (1 - share) / judged + spread / judged / 4)
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def verdicts(domain: str) -> list[Verdict]:
    """Return what was thought of a domain's summaries, by what made them; what was judged last comes first."""
    with connection.cursor() as cursor:
        cursor.execute(TALLY, [domain])
        return [Verdict(Maker(*maker), judged, good) for *maker, judged, good in cursor.fetchall()]


def verdict_on(maker: Maker, found: Sequence[Verdict]) -> Verdict:
    """Return the verdict on one maker, empty where nobody has judged it."""
    return next((one for one in found if one.maker == maker), Verdict(maker, 0, 0))


def rate(summary_pk: int, input_hash: bytes, *, good: bool, reason: str, user: Any) -> None:
    """Keep what a user thinks of exactly the text with this hash; a second judgement by the same user replaces it.

    Raises ReasonMissing, SummaryHasChanged where that text is not there any more, and PersistenceUnavailable.
    """
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not good and not reason:
        raise ReasonMissing
    with translated(), transaction.atomic(durable=True):
        domain, maker = _locked(summary_pk, input_hash)
        rating = SummaryRating(
            summary_id=summary_pk,
            domain=domain,
            input_hash=input_hash,
            **maker._asdict(),
            good=good,
            reason=reason,
            user_id=user.pk,
            username=user.get_username(),
            rated_at=Now(),
        )
        SummaryRating.objects.bulk_create(
            [rating],
            update_conflicts=True,
            unique_fields=["summary", "input_hash", "username"],
            update_fields=["good", "reason", "user", "rated_at"],
        )


def _locked(summary_pk: int, input_hash: bytes) -> tuple[str, Maker]:
    """Return the domain and the maker of the text; no erasure comes in between. Raises SummaryHasChanged."""
    with connection.cursor() as cursor:
        cursor.execute(CURRENT, [summary_pk, input_hash])
        row = cursor.fetchone()
    if row is None:
        raise SummaryHasChanged
    return row[0], Maker(*row[1:])
