"""Every figure that the ladder is judged by, over one window."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from persistence.ladder.hours import Durations, Measured, measured
from persistence.ladder.model import model_latency
from persistence.ladder.processes import web_processes
from persistence.ladder.statements import Statements, statements
from persistence.models import ParkedStateWrite, SessionState

POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the database's time, in seconds, what reading history and keeping session state in Postgres take.

    ``source`` says whose count it is, in words. ``seconds`` is all that the database did, as far as that is known.
    """

    source: str
    seconds: float
    history_reads: int
    history_seconds: float
    state_calls: int
    state_seconds: float

    @property
    def history(self) -> float | None:
        return round(self.history_seconds / self.seconds, 4) if self.seconds else None

    @property
    def state(self) -> float | None:
        return round(self.state_seconds / self.seconds, 4) if self.seconds else None


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured between ``since`` and ``until``. Rates are per second over the busiest hour; None: unknown.

    State figures are of processes that keep state where the settings say now, but for the rate, which is of all.
    ``history_share_without_cache`` is what history would take if Postgres had to answer what the read cache did.
    """

    since: datetime
    until: datetime
    measured_since: datetime | None
    web_processes: int
    web_restarts: int
    restarts_that_lost_state: int
    states_lost: int
    states_in_memory: int
    turns: int
    turns_per_second_peak: float
    peak_hour: datetime | None
    turn_commit_p50_ms: float | None
    turn_commit_p95_ms: float | None
    model_p50_ms: float | None
    model_turns: int
    state_reads: int
    state_writes: int
    state_writes_per_second_peak: float
    state_write_p95_ms: float | None
    shares: Shares
    history_share_without_cache: float | None
    history_mean_ms: float | None
    cache_hits: int
    cache_hit_ratio: float | None
    breaker_openings: int
    states_unhealed: int
    writes_parked: int

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name, one level deep."""
        found = {name: getattr(self, name) for name in self.__slots__ if name != "shares"}
        return found | {
            "share_source": self.shares.source,
            "database_seconds": round(self.shares.seconds, 1),
            "history_reads": self.shares.history_reads,
            "history_share": self.shares.history,
            "state_share": self.shares.state,
        }


def figures(*, backend: str, hours: float, now: datetime) -> Figures:
    """Gather everything about the ``hours`` before ``now``; ``backend`` is the one of the settings."""
    since = now - timedelta(hours=hours)
    found = measured(since, now)
    web = web_processes(since, now)
    model = model_latency(since, now)
    turns, history, cache = (found.kinds[kind] for kind in ("turn", "history", "cache"))
    writes, reads = found.state[backend, "state_write"], found.state[backend, "state_read"]
    peak, peak_hour = found.peak("turn", now)
    return Figures(
        since=since,
        until=now,
        measured_since=found.since,
        web_processes=web.live,
        web_restarts=web.restarts,
        restarts_that_lost_state=web.lossy,
        states_lost=web.states_lost,
        states_in_memory=web.states_held,
        turns=turns.count,
        turns_per_second_peak=peak,
        peak_hour=peak_hour,
        turn_commit_p50_ms=turns.milliseconds(0.5),
        turn_commit_p95_ms=turns.milliseconds(0.95),
        model_p50_ms=model.p50_ms,
        model_turns=model.turns,
        state_reads=reads.count,
        state_writes=writes.count,
        state_writes_per_second_peak=found.peak("state_write", now)[0],
        state_write_p95_ms=writes.milliseconds(0.95),
        shares=shares(found),
        history_share_without_cache=without_cache(found),
        history_mean_ms=None if history.mean is None else round(history.mean * 1000, 3),
        cache_hits=cache.count,
        cache_hit_ratio=hit_ratio(cache, history),
        breaker_openings=found.events["breaker_opened"],
        states_unhealed=SessionState.objects.filter(unhealed=True).count(),
        writes_parked=ParkedStateWrite.objects.count(),
    )


def shares(found: Measured) -> Shares:
    """Return Postgres' own count of its statements where it keeps one, and else what the processes measured."""
    counted = statements()
    return of_processes(found) if counted is None else of_statements(counted)


def of_statements(counted: Statements) -> Shares:
    return Shares(
        source=f"pg_stat_statements, since {counted.since:%Y-%m-%d %H:%M} UTC",
        seconds=counted.seconds,
        history_reads=counted.history_calls,
        history_seconds=counted.history_seconds,
        state_calls=counted.state_calls,
        state_seconds=counted.state_seconds,
    )


def of_processes(found: Measured) -> Shares:
    history = found.kinds["history"]
    state = [found.state[POSTGRES, kind] for kind in ("state_read", "state_write")]
    state_seconds = sum(durations.seconds for durations in state)
    return Shares(
        source="the processes' own measure",
        seconds=database_seconds(found),
        history_reads=history.count,
        history_seconds=history.seconds,
        state_calls=sum(durations.count for durations in state),
        state_seconds=state_seconds,
    )


def database_seconds(found: Measured) -> float:
    """Return how long the database worked: the larger of what it says itself and what was seen from outside.

    From outside a statement takes longer by the way there and back, and only some kinds are measured; Postgres' own
    count has all, but not that way. The larger makes no share look greater than it is.
    """
    state = sum(durations.seconds for (kept, _), durations in found.state.items() if kept == POSTGRES)
    outside = found.kinds["turn"].seconds + found.kinds["history"].seconds + state
    return max(outside, found.worked or 0.0)


def without_cache(found: Measured) -> float | None:
    """Return the share that history would take if each hit of the cache were a read that costs what one costs now."""
    history, hits = found.kinds["history"], found.kinds["cache"].count
    if history.mean is None:
        return None
    spared = hits * history.mean
    total = database_seconds(found) + spared
    return round((history.seconds + spared) / total, 4) if total else None


def hit_ratio(cache: Durations, history: Durations) -> float | None:
    reads = cache.count + history.count
    return round(cache.count / reads, 4) if cache.count else (0.0 if reads else None)
