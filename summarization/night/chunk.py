"""A chunk: some dozen conversations of a run, claimed and summarised one after the other until time or money is up."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from summarization.claims import Claim, release, take
from summarization.compose import NOT_ASKED, TOO_COSTLY
from summarization.draft import Source
from summarization.night.breaker import breaker_of
from summarization.night.budget import Budget, estimate, standing
from summarization.night.run import stop
from summarization.one import LEASE_SECONDS, Ended, prepare_each, summarize_one
from summarization.summarizers.port import Summarizer
from summarization.summarizers.registry import configured


@dataclass(slots=True)
class Worked:
    """What was done of a chunk. ``more``: time was up before all was; ``stopped``: why the run goes no further."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    lost: int = 0
    more: bool = False
    stopped: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it as the result that Celery keeps."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Work:
    """Summarises what is pending of one chunk. ``on_end`` hears of each conversation."""

    run_pk: int
    chunk: int
    budget: Budget
    summarizer: Summarizer
    on_end: Callable[[Ended], None]
    worked: Worked

    def until(self, end: float) -> None:
        """Work until ``time.monotonic()`` says so; what is begun is brought to its end.

        1. see that the run is still open and can pay · 2. claim · 3. summarise each, settling one by one.
        """
        while not self.worked.stopped:
            if time.monotonic() >= end:
                self.worked.more = True
                return
            if because := standing(self.run_pk, self.budget).ends(self.budget):
                self._stop(because)
                return
            claims = take(self.run_pk, self.chunk, self.summarizer.batch, LEASE_SECONDS)
            if not claims:
                return
            self._summarize(claims, end)

    def _summarize(self, claims: list[Claim], end: float) -> None:
        """Summarise what is claimed. What is not begun is given back, whatever happens."""
        waiting = {claim.conversation_pk: claim for claim in claims}
        try:
            for ready in prepare_each(claims):
                if self.worked.stopped or time.monotonic() >= end:
                    return
                not_asked = self._not_asked(ready.source)
                ended = summarize_one(
                    ready, self.summarizer, not_asked=not_asked, unaffordable=self._unaffordable
                )
                waiting.pop(ready.claim.conversation_pk)
                if ended.composed and not not_asked:
                    breaker_of(self.summarizer).note(ended.composed)
                self._note(ended)
        finally:
            for claim in waiting.values():
                release(claim)  # nothing happens to what was settled

    def _not_asked(self, source: Source) -> str:
        """Say why the summariser is not asked about this one; what no budget can pay must not end every night."""
        if not breaker_of(self.summarizer).may_ask:
            return NOT_ASKED
        return TOO_COSTLY if self.budget.is_below(estimate(source, self.summarizer)) else ""

    def _unaffordable(self, source: Source) -> str:
        coming = estimate(source, self.summarizer)
        return standing(self.run_pk, self.budget).ends(self.budget, coming) if coming.tokens_out else ""

    def _note(self, ended: Ended) -> None:
        if ended.how == "released":
            self._stop(ended.reason)
            return
        setattr(self.worked, ended.how, getattr(self.worked, ended.how) + 1)
        self.on_end(ended)

    def _stop(self, because: str) -> None:
        self.worked.stopped = because
        stop(self.run_pk, because)


def work(
    run_pk: int,
    chunk: int,
    budget: Budget,
    *,
    seconds: float,
    on_end: Callable[[Ended], None] = lambda ended: None,
) -> Worked:
    """Summarise what is pending of a chunk for about ``seconds``, with the configured summariser."""
    worked = Worked()
    Work(run_pk, chunk, budget, configured(), on_end, worked).until(time.monotonic() + seconds)
    return worked
