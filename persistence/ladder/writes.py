"""The triggers of level 3: do writes hold the user up?"""

from persistence.ladder import thresholds as at
from persistence.ladder.evidence import Evidence, Judgement, percent
from persistence.ladder.figures import Figures
from persistence.ladder.triggers import Standing


def state_writes(standing: Standing, found: Figures) -> Evidence:
    """Level 3: a write of session state that waits for Postgres, against the model's own time."""
    part = of_model(found.state_write_p95_ms, found)

    def evidence(judgement: Judgement, reason: str) -> Evidence:
        return Evidence(
            3, "session state's writes against the model", judgement, reason, part, at.WRITE_OF_MODEL
        )

    if standing.backend in ("memory", "redis"):
        return evidence(
            Judgement.NOT_APPLICABLE, "A write of session state waits for no commit in Postgres as it is."
        )
    if standing.backend == "redis-first":
        return use_of_redis_first(standing, found)
    if part is None or found.state_writes < at.ENOUGH_WRITES:
        return evidence(Judgement.UNKNOWN, seen(found, found.state_writes, "writes of session state"))
    words = f"The slowest twentieth of its writes takes over {percent(part)} of the model's median."
    if part < at.WRITE_OF_MODEL:
        return evidence(Judgement.BELOW, words)
    return evidence(
        Judgement.CLIMB,
        f"{words} Redis-first acknowledges them in Redis and writes them to Postgres behind. Where session state "
        "may vanish with Redis, level 1 is as quick: SESSION_STATE_BACKEND=redis.",
    )


def turn_commits(standing: Standing, found: Figures) -> Evidence:
    """Level 3: a turn's commit against the model's own time, where session state is what slows it."""
    part = of_model(found.turn_commit_p95_ms, found)

    def evidence(judgement: Judgement, reason: str) -> Evidence:
        return Evidence(3, "turn commits against the model", judgement, reason, part, at.WRITE_OF_MODEL)

    if part is None or found.turns < at.ENOUGH_WRITES:
        return evidence(Judgement.UNKNOWN, seen(found, found.turns, "turns"))
    words = f"The slowest twentieth of commits takes over {percent(part)} of the model's median."
    if part < at.WRITE_OF_MODEL:
        return evidence(Judgement.BELOW, words)
    state = found.shares.state or 0.0
    if (
        standing.backend == "postgres"
        and state >= at.STATE_SHARE
        and found.shares.seconds >= at.ENOUGH_DATABASE_SECONDS
    ):
        return evidence(
            Judgement.CLIMB,
            f"{words} Session state takes {percent(state)} of the same database's time; Redis-first takes most of "
            "that away.",
        )
    return evidence(
        Judgement.ELSEWHERE,
        f"{words} Turns are committed in Postgres at every level, and session state is not what slows them: look "
        "at its disk, its locks and the way there.",
    )


def use_of_redis_first(standing: Standing, found: Figures) -> Evidence:
    """Level 3, where it is in force: a turn's commit stands for what a write through to Postgres would take."""
    part = of_model(found.turn_commit_p95_ms, found)

    def evidence(judgement: Judgement, reason: str) -> Evidence:
        return Evidence(3, "use of level 3", judgement, reason, part, at.WRITE_OF_MODEL)

    if standing.redis_first_domains:
        return evidence(
            Judgement.JUSTIFIED,
            f"It was asked for by name, for {', '.join(standing.redis_first_domains)}: no figure says whether a "
            "domain must accept session state while Postgres is down.",
        )
    if part is None or found.turns < at.ENOUGH_WRITES:
        return evidence(Judgement.UNKNOWN, seen(found, found.turns, "turns"))
    words = f"A commit in Postgres takes up to {percent(part)} of the model's median (19 of 20 take less)."
    if part >= at.WRITE_OF_MODEL * at.LEAVE_AT:
        return evidence(Judgement.JUSTIFIED, words)
    return evidence(
        Judgement.NOT_NEEDED,
        f"{words} Nobody would feel it. If a domain must accept session state while Postgres is down, name it in "
        "SESSION_STATE_REDIS_FIRST_DOMAINS, and this is not said again.",
    )


def of_model(milliseconds: float | None, found: Figures) -> float | None:
    """Return what part of the model's median that is; None where too few turns name a latency."""
    if milliseconds is None or not found.model_p50_ms or found.model_turns < at.ENOUGH_MODEL_TURNS:
        return None
    return round(milliseconds / found.model_p50_ms, 4)


def seen(found: Figures, count: int, what: str) -> str:
    return (
        f"{count:,} {what} and {found.model_turns:,} turns with a model latency were seen; {at.ENOUGH_WRITES} and "
        f"{at.ENOUGH_MODEL_TURNS} are enough to judge by."
    )
