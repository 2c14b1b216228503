"""How often conversations end up with a human, and why."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from handoff.dashboard.scope import OPENED, Scope

SAMPLE = 20_000  # conversations, of every domain: their ids begin with their time, so the newest are read from the end
CONVERSATIONS = """
SELECT count(*) FILTER (WHERE domain = ANY (%(domains)s)), count(*), min(public_id::text)
FROM (SELECT public_id, domain FROM persistence_conversation WHERE public_id >= %(first)s
      ORDER BY public_id DESC LIMIT %(sample)s) AS newest
"""
REASONS = f"""
SELECT coalesce(found.reason_codes ->> 0, 'unclassified'), count(*) {OPENED} GROUP BY 1 ORDER BY 2 DESC, 1
"""


@dataclass(frozen=True, slots=True)
class Reason:
    """``rate`` is cases per 100 conversations, None where no conversation was counted; ``share`` is of all cases."""

    code: str
    count: int
    share: float
    rate: float | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Since ``since``, which is later than the period's beginning where there were more conversations than SAMPLE."""

    since: datetime
    conversations: int
    cases: int
    rate: float | None
    reasons: list[Reason]


def rates(scope: Scope) -> Rates:
    """Count cases by their first reason against conversations. Two statements."""
    earliest = UUID(int=int(scope.since.timestamp() * 1000) << 80)
    ((conversations, read, oldest),) = scope.rows(CONVERSATIONS, first=earliest, sample=SAMPLE)
    since = scope.since if read < SAMPLE else max(scope.since, _time_of(oldest, scope.now))
    counted = scope.rows(REASONS, since=since)
    cases = sum(count for _, count in counted)
    return Rates(
        since=since,
        conversations=conversations,
        cases=cases,
        rate=_per_hundred(cases, conversations),
        reasons=[
            Reason(code, count, count / cases, _per_hundred(count, conversations)) for code, count in counted
        ],
    )


def _per_hundred(cases: int, conversations: int) -> float | None:
    return 100 * cases / conversations if conversations else None


def _time_of(public_id: str, now: datetime) -> datetime:
    """Return when a UUID of version 7 was made; one of another version says nothing about that."""
    seconds = (UUID(public_id).int >> 80) / 1000
    return datetime.fromtimestamp(seconds, UTC) if seconds < now.timestamp() else now
