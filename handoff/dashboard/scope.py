"""Which cases a dashboard is about, and the SQL that all its figures share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from handoff.models import Queue
from persistence.access import EVERY_DOMAIN, domains_of

MOST = 5_000  # cases of one domain behind one figure
DAYS = 7

# Not the snapshot: it is wide, and no figure is about it.
COLUMNS = (
    "id, case_id, domain, status, priority, reason_codes, assignee, opened_at, first_due_at, resolution_due_at, "
    "attention_at, warn_at, first_responded_at, closed_at, closed_as, reopened"
)
# The conditions are those of the partial indexes, word for word.
LIVE = f"""
FROM unnest(%(domains)s::text[]) AS one (name) CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM handoff_case WHERE domain = one.name
    AND status IN ('pending_consent', 'open', 'in_progress', 'waiting_customer')
    ORDER BY attention_at, id LIMIT %(most)s) AS found
"""
OPENED = f"""
FROM unnest(%(domains)s::text[]) AS one (name) CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM handoff_case WHERE domain = one.name AND opened_at >= %(since)s AND opened_at <= %(now)s
    ORDER BY opened_at DESC LIMIT %(most)s) AS found
"""
ENDED = f"""
FROM unnest(%(domains)s::text[]) AS one (name) CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM handoff_case WHERE domain = one.name AND closed_at IS NOT NULL
    AND closed_at >= %(since)s AND closed_at <= %(now)s
    ORDER BY closed_at DESC, id DESC LIMIT %(most)s) AS found
"""
# A promise counts when it was kept or its time has passed; a duplicate and a promise called off were never broken.
SERVED = "found.status = 'closed' AND found.closed_as <> 'merged'"
FIRST_JUDGED = (
    "found.first_due_at IS NOT NULL AND (found.first_responded_at IS NOT NULL OR found.first_due_at < %(now)s)"
    " AND found.closed_as NOT IN ('merged', 'cancelled')"
)
FIRST_MET = "coalesce(found.first_responded_at <= found.first_due_at, false)"
RESOLUTION_JUDGED = f"{SERVED} AND found.resolution_due_at IS NOT NULL"
RESOLUTION_MET = "found.closed_at <= found.resolution_due_at"


@dataclass(frozen=True, slots=True)
class Scope:
    """The domains that are looked at, and the moment of looking."""

    domains: Sequence[str]
    now: datetime

    @classmethod
    def of(cls, user: Any, now: datetime) -> "Scope":
        """Return what this user may see: the domains that are theirs, or all that have a queue."""
        domains = domains_of(user)
        if domains is EVERY_DOMAIN:
            domains = list(Queue.objects.order_by("domain").values_list("domain", flat=True).distinct())
        return cls(domains, now)

    @property
    def since(self) -> datetime:
        """Return the beginning of the period: midnight (UTC), so that its days are whole but for today."""
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=DAYS - 1)

    def rows(self, sql: str, **more: Any) -> list[tuple[Any, ...]]:
        """Run one statement about these domains."""
        given: Mapping[str, Any] = {
            "domains": list(self.domains),
            "now": self.now,
            "since": self.since,
            "most": MOST,
        } | more
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            return list(cursor.fetchall())
