"""What is open now, by priority, age and colour."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from handoff.dashboard.scope import LIVE, MOST, Scope

PRIORITIES = ("urgent", "high", "normal", "low")
# Names, and where each age ends.
AGES: tuple[tuple[str, timedelta], ...] = (
    ("under 1 h", timedelta(hours=1)),
    ("1–4 h", timedelta(hours=4)),
    ("4–24 h", timedelta(hours=24)),
    ("1–3 days", timedelta(days=3)),
    ("over 3 days", timedelta.max),
)
AGE = f"""
CASE {
    " ".join(
        f"WHEN %(now)s - found.opened_at < interval '{int(end.total_seconds())} s' THEN {index}"
        for index, (_, end) in enumerate(AGES[:-1])
    )
} ELSE {len(AGES) - 1} END
"""
# As the filter of the queue tells the colours apart.
COLOUR = """
CASE WHEN found.attention_at IS NULL THEN 'paused' WHEN found.attention_at <= %(now)s THEN 'red'
     WHEN found.warn_at > %(now)s AND found.warn_at < found.attention_at THEN 'green' ELSE 'yellow' END
"""
SQL = f"""
SELECT found.domain, found.priority, {AGE}, {COLOUR}, found.assignee = '', count(*) {LIVE}
GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, slots=True)
class Live:
    """Counts of live cases. ``cells`` is by (priority, index into AGES)."""

    cells: dict[tuple[str, int], int]
    colours: dict[str, int]
    unowned: int
    total: int
    capped: bool


def live(scope: Scope) -> Live:
    """Count what is open. One statement."""
    cells: Counter[tuple[str, int]] = Counter()
    colours: Counter[str] = Counter()
    of_domain: Counter[str] = Counter()
    unowned = 0
    for domain, priority, age, colour, nobodys, count in scope.rows(SQL):
        cells[priority, age] += count
        colours[colour] += count
        of_domain[domain] += count
        unowned += count if nobodys else 0
    return Live(
        dict(cells), dict(colours), unowned, of_domain.total(), max(of_domain.values(), default=0) >= MOST
    )
