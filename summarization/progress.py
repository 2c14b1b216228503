"""How far a night has come: from its items while it runs, from its own counts when it has ended."""

from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Sum

from summarization.models import OPEN_RUN, SummaryItem, SummaryRun


@dataclass(frozen=True, slots=True)
class Progress:
    """The counts of a run. ``done`` of ``of`` candidates have been dealt with, one way or another."""

    of: int
    summarized: int
    skipped: int
    failed: int
    pending: int
    working: int
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal
    reasons: list[tuple[str, int]] = field(
        default_factory=list
    )  # of those skipped or failed, most frequent first

    @property
    def done(self) -> int:
        """How many have been dealt with."""
        return self.summarized + self.skipped + self.failed

    @property
    def remaining(self) -> int:
        """How many nobody has dealt with yet."""
        return self.pending + self.working

    @property
    def percent(self) -> int:
        """How much of the night is behind it, 0 to 100; 100 where there was nothing to do."""
        return min(100, 100 * self.done // self.of) if self.of else 100


def progress(run: SummaryRun) -> Progress:
    """Return how far the run has come. Costs one pass over its items while it runs, by index; nothing afterwards."""
    return _of_items(run) if run.state in OPEN_RUN else _of_row(run)


def _of_row(run: SummaryRun) -> Progress:
    every = run.reasons.items() if isinstance(run.reasons, dict) else ()
    return Progress(
        of=run.candidates,
        summarized=run.summarized,
        skipped=run.skipped,
        failed=run.failed,
        pending=run.remaining,
        working=0,
        tokens_in=run.tokens_in,
        tokens_out=run.tokens_out,
        cost_usd=run.cost_usd,
        reasons=sorted(((str(name), int(count)) for name, count in every), key=lambda one: (-one[1], one[0])),
    )


def _of_items(run: SummaryRun) -> Progress:
    grouped = SummaryItem.objects.filter(run=run).values_list("state", "reason").order_by()
    rows = grouped.annotate(
        many=Count("*"), sum_in=Sum("tokens_in"), sum_out=Sum("tokens_out"), cost=Sum("cost_usd")
    )
    counts: dict[str, int] = {}
    reasons: dict[str, int] = {}
    tokens_in = tokens_out = 0
    cost = Decimal(0)
    for state, reason, count, sum_in, sum_out, sum_cost in rows:
        counts[state] = counts.get(state, 0) + count
        if reason and state in ("skipped", "failed"):
            reasons[reason] = reasons.get(reason, 0) + count
        tokens_in, tokens_out, cost = tokens_in + sum_in, tokens_out + sum_out, cost + sum_cost
    return Progress(
        of=max(run.candidates, sum(counts.values())),
        summarized=counts.get("done", 0),
        skipped=counts.get("skipped", 0),
        failed=counts.get("failed", 0),
        pending=counts.get("pending", 0),
        working=counts.get("working", 0),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=cost,
        reasons=sorted(reasons.items(), key=lambda one: (-one[1], one[0])),
    )
