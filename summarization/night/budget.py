"""What a run may cost in money, tokens and minutes, what it has cost so far, and what the next conversation may."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import connection

from summarization.compose import cost_of
from summarization.draft import Source
from summarization.fold import BYTES_PER_TOKEN, turn_bytes
from summarization.models import OPEN_RUN
from summarization.summarizers.port import Summarizer

PROMPT_TOKENS = 1_000  # instructions and schema, sent with every part

STANDING = """
SELECT state, extract(epoch FROM clock_timestamp() - started_at)::float8 / 60
FROM summarization_run WHERE id = %(run)s
"""
SPENT = """
SELECT coalesce(sum(cost_usd), 0), coalesce(sum(tokens_in::bigint + tokens_out), 0)
FROM summarization_item WHERE run_id = %(run)s
"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one conversation may take: tokens as the port counts them, dollars at the settings' prices."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: Decimal = Decimal(0)

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cost_usd + other.cost_usd,
        )


NOTHING = Estimate()


@dataclass(frozen=True, slots=True)
class Budget:
    """Where a run stops; 0 is no limit."""

    usd: float = 0
    tokens: int = 0
    minutes: float = 0

    @classmethod
    def configured(cls) -> "Budget":
        """Return the settings' budget."""
        return cls(
            settings.SUMMARY_BUDGET_USD, settings.SUMMARY_BUDGET_TOKENS, settings.SUMMARY_BUDGET_MINUTES
        )

    def is_below(self, coming: Estimate) -> bool:
        """Say whether what is ``coming`` is more than the whole of it, so that no night could ever begin with it."""
        return bool(Standing(OPEN_RUN[0], 0).ends(self, coming))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands: its state, the minutes since it began, and what its conversations have taken."""

    state: str
    minutes: float
    cost_usd: Decimal = Decimal(0)
    tokens: int = 0

    def ends(self, budget: Budget, coming: Estimate = NOTHING) -> str:
        """Say why the run does not go on, or does not begin with what is ``coming``; empty where it does.

        ``not_open`` says that somebody else has ended it.
        """
        if self.state not in OPEN_RUN:
            return "not_open"
        if budget.minutes and self.minutes >= budget.minutes:
            return "budget_minutes"
        if budget.usd and _is_over(float(self.cost_usd), float(coming.cost_usd), budget.usd):
            return "budget_usd"
        if budget.tokens and _is_over(self.tokens, coming.tokens_in + coming.tokens_out, budget.tokens):
            return "budget_tokens"
        return ""


def _is_over(spent: float, coming: float, limit: float) -> bool:
    """What comes may fill the budget to the brim; without anything in sight, a full budget is the end."""
    return spent + coming > limit if coming else spent >= limit


def standing(run_pk: int, budget: Budget) -> Standing:
    """Read how the run stands; what it has cost only where the budget asks for it."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING, {"run": run_pk})
        found = cursor.fetchone()
        if found is None:
            return Standing("gone", 0)
        if not budget.usd and not budget.tokens:
            return Standing(*found)
        cursor.execute(SPENT, {"run": run_pk})
        return Standing(*found, *cursor.fetchone())


def estimate(source: Source, summarizer: Summarizer) -> Estimate:
    """Return about what the conversation takes when every answer is right at once and as long as it may be."""
    if not summarizer.most_tokens_out:
        return Estimate()
    tokens = sum(turn_bytes(turn) for turn in source.turns) // BYTES_PER_TOKEN
    parts = max(1, -(-tokens // max(1, summarizer.part_tokens)))
    tokens_in, tokens_out = tokens + parts * PROMPT_TOKENS, parts * summarizer.most_tokens_out
    return Estimate(tokens_in, tokens_out, cost_of(tokens_in, tokens_out))
