"""The triggers of each level: one function each, from figures to evidence. None of them reads or changes anything."""

from dataclasses import dataclass

from persistence.ladder import thresholds as at
from persistence.ladder.evidence import Evidence, Judgement, percent
from persistence.ladder.figures import Figures


@dataclass(frozen=True, slots=True)
class Standing:
    """What the settings say: the level in force."""

    backend: str
    history_cache: bool
    redis_first_domains: tuple[str, ...] = ()
    has_redis: bool = True

    @property
    def level(self) -> int:
        """Return the highest level that is in force."""
        if self.backend == "redis-first":
            return 3
        return 2 if self.history_cache else 1 if self.backend == "redis" else 0


def web_processes(standing: Standing, found: Figures) -> Evidence:
    """Level 1: more than one web process, and a memory in each."""

    def evidence(judgement: Judgement, reason: str) -> Evidence:
        return Evidence(
            1, "web processes", judgement, reason, measured=found.web_processes, threshold=at.WEB_PROCESSES
        )

    if standing.backend != "memory":
        return evidence(Judgement.NOT_APPLICABLE, "Session state is not in a process' own memory.")
    if not found.web_processes:
        return evidence(Judgement.UNKNOWN, "No web process has reported in the last minute and a half.")
    if found.web_processes > at.WEB_PROCESSES:
        return evidence(
            Judgement.CLIMB,
            f"{found.web_processes} web processes run at once, and what one of them keeps the others do not know. "
            "Redis shares it; so does SESSION_STATE_BACKEND=postgres, at level 0, without another server.",
        )
    return evidence(Judgement.BELOW, "One web process runs; its memory is all there is to know.")


def lost_state(standing: Standing, found: Figures) -> Evidence:
    """Level 1: web processes ended and took session state with them."""

    def evidence(judgement: Judgement, reason: str) -> Evidence:
        return Evidence(
            1,
            "restarts that lost state",
            judgement,
            reason,
            measured=found.restarts_that_lost_state,
            threshold=0,
        )

    if found.restarts_that_lost_state and standing.backend == "memory":
        return evidence(
            Judgement.CLIMB,
            f"{found.restarts_that_lost_state} web processes ended with {found.states_lost} live session states in "
            "their memory. Redis keeps them over a restart; so does SESSION_STATE_BACKEND=postgres, at level 0.",
        )
    if standing.backend != "memory":
        return evidence(Judgement.NOT_APPLICABLE, "A web process that ends takes no session state with it.")
    if not found.web_processes and not found.web_restarts:
        return evidence(Judgement.UNKNOWN, "No web process has reported.")
    return evidence(Judgement.BELOW, "No web process ended with session state in its memory.")


def state_share(standing: Standing, found: Figures) -> Evidence:
    """Level 1: what keeping session state costs Postgres."""
    share = found.shares.state

    def evidence(judgement: Judgement, reason: str) -> Evidence:
        return Evidence(
            1,
            "session state's share of database time",
            judgement,
            reason,
            measured=share,
            threshold=at.STATE_SHARE,
        )

    if standing.backend != "postgres":
        return evidence(Judgement.NOT_APPLICABLE, "Session state is not kept in Postgres.")
    if share is None or found.shares.seconds < at.ENOUGH_DATABASE_SECONDS:
        return evidence(
            Judgement.UNKNOWN,
            f"The database was seen at work for {found.shares.seconds:.1f} s; a share of less than "
            f"{at.ENOUGH_DATABASE_SECONDS:.0f} s says nothing.",
        )
    words = f"Session state takes {percent(share)} of the database's time."
    return evidence(Judgement.CLIMB if share >= at.STATE_SHARE else Judgement.BELOW, words)


def use_of_redis(standing: Standing, found: Figures) -> Evidence:
    """Level 1, where it is in force: is anything left of the reasons for it?"""

    def evidence(judgement: Judgement, reason: str) -> Evidence:
        return Evidence(
            1,
            "use of level 1",
            judgement,
            reason,
            measured=found.state_writes_per_second_peak,
            threshold=at.LITTLE_STATE_PER_SECOND,
        )

    if standing.backend != "redis":
        return evidence(Judgement.NOT_APPLICABLE, "Session state is not in Redis at level 1.")
    if found.web_processes > at.WEB_PROCESSES:
        return evidence(Judgement.JUSTIFIED, f"{found.web_processes} web processes share it.")
    if found.web_restarts:
        return evidence(
            Judgement.JUSTIFIED, f"{found.web_restarts} web processes ended, and session state stayed."
        )
    if found.state_writes_per_second_peak > at.LITTLE_STATE_PER_SECOND:
        return evidence(
            Judgement.JUSTIFIED,
            f"{found.state_writes_per_second_peak:g} writes a second in the busiest hour are not Postgres' work.",
        )
    if not saw_most(found):
        return evidence(
            Judgement.UNKNOWN, "Too little of the window was measured to say that it is not needed."
        )
    return evidence(
        Judgement.NOT_NEEDED,
        "One web process, none that ended, and at most "
        f"{found.state_writes_per_second_peak:g} writes a second: Postgres would not feel it.",
    )


def history_share(standing: Standing, found: Figures) -> Evidence:
    """Level 2: what reading history costs Postgres, or would cost it without the cache."""
    share = found.history_share_without_cache if standing.history_cache else found.shares.history

    def evidence(judgement: Judgement, reason: str) -> Evidence:
        return Evidence(
            2,
            "history's share of database time",
            judgement,
            reason,
            measured=share,
            threshold=at.HISTORY_SHARE,
        )

    reads = found.shares.history_reads + (found.cache_hits if standing.history_cache else 0)
    if share is None or reads < at.ENOUGH_READS or found.shares.seconds < at.ENOUGH_DATABASE_SECONDS:
        return evidence(
            Judgement.UNKNOWN,
            f"{reads:,} reads of history and {found.shares.seconds:.1f} s of the database's time were seen; "
            f"{at.ENOUGH_READS:,} and {at.ENOUGH_DATABASE_SECONDS:.0f} s are enough to judge by.",
        )
    if not standing.history_cache:
        words = f"Reads of history take {percent(share)} of the database's time."
        return evidence(Judgement.CLIMB if share >= at.HISTORY_SHARE else Judgement.BELOW, words)
    words = f"Without the cache reads of history would take {percent(share)} of the database's time."
    if share < at.HISTORY_SHARE * at.LEAVE_AT and saw_most(found):
        return evidence(Judgement.NOT_NEEDED, words)
    return evidence(Judgement.JUSTIFIED, words)


def saw_most(found: Figures) -> bool:
    """Say whether nearly all of the window was measured."""
    window = found.until - found.since
    return (
        found.measured_since is not None
        and found.until - found.measured_since >= window * at.ENOUGH_OF_WINDOW
    )
