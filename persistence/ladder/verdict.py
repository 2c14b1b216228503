"""From the triggers to one sentence: the level that the figures justify, and the one setting to change."""

from dataclasses import dataclass

from persistence.ladder import triggers, writes
from persistence.ladder.evidence import Evidence, Judgement
from persistence.ladder.figures import Figures
from persistence.ladder.triggers import Standing

TRIGGERS = (
    triggers.web_processes,
    triggers.lost_state,
    triggers.state_share,
    triggers.use_of_redis,
    triggers.history_share,
    writes.state_writes,
    writes.turn_commits,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The level in force, the one that the figures justify, and the next setting to change; None: nothing.

    One setting at a time: what remains to be done is said by the next run, from figures that know of the change.
    ``first`` is what must be set before ``setting`` can work.
    """

    level: int
    recommended: int
    setting: str | None
    first: str | None
    evidence: tuple[Evidence, ...]

    @property
    def reasons(self) -> list[str]:
        """Return why something is to be changed, or why a level that is in force stays."""
        wanted = (
            (Judgement.CLIMB, Judgement.NOT_NEEDED)
            if self.setting
            else (Judgement.JUSTIFIED, Judgement.ELSEWHERE)
        )
        return [found.reason for found in self.evidence if found.judgement in wanted]


def verdict(standing: Standing, found: Figures) -> Verdict:
    """Judge. Where too little was seen, everything stays as it is."""
    evidence = tuple(trigger(standing, found) for trigger in TRIGGERS)
    backend = justified_backend(standing, evidence)
    cache = justified_cache(standing, evidence)
    setting = next_setting(standing, Standing(backend, cache))
    return Verdict(
        level=standing.level,
        recommended=Standing(backend, cache).level,
        setting=setting,
        first="HOT_REDIS_URL" if setting and "redis" in setting and not standing.has_redis else None,
        evidence=evidence,
    )


def justified_backend(standing: Standing, evidence: tuple[Evidence, ...]) -> str:
    """Return where session state should be kept. Upwards to what is asked for, downwards one level at a time."""
    said = {(found.level, found.judgement) for found in evidence}
    if (3, Judgement.CLIMB) in said:
        return "redis-first"
    if (1, Judgement.CLIMB) in said:
        return "redis"
    if (3, Judgement.NOT_NEEDED) in said:
        return "redis"
    return "postgres" if (1, Judgement.NOT_NEEDED) in said else standing.backend


def justified_cache(standing: Standing, evidence: tuple[Evidence, ...]) -> bool:
    judged = next(found.judgement for found in evidence if found.level == 2)
    if judged in (Judgement.CLIMB, Judgement.NOT_NEEDED):
        return judged is Judgement.CLIMB
    return standing.history_cache


def next_setting(now: Standing, then: Standing) -> str | None:
    """Return the change to make first: session state before the cache, and up before down."""
    backend = f"SESSION_STATE_BACKEND={then.backend}" if then.backend != now.backend else None
    cache = f"HISTORY_CACHE={'redis' if then.history_cache else 'off'}"
    cache_changes = then.history_cache != now.history_cache
    down = Standing(then.backend, False).level < Standing(now.backend, False).level
    if backend and not (down and cache_changes and then.history_cache):
        return backend
    return cache if cache_changes else None
