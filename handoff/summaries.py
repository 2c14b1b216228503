"""What the desk knows of a conversation that is summarised: how its case stands, and who hears of the summary."""

from collections.abc import Sequence

from django.db import connection

from handoff.endpoints import receivers
from handoff.models import Endpoint
from handoff.models.cases import LIVE
from summarization.outside import Outcome

# The newest case decides; of one that was closed as a duplicate, the case that it went into. Read through
# handoff_case_conversation, one row for each conversation.
NEWEST_CASES = """
SELECT wanted.id, coalesce(kept.status, newest.status), coalesce(kept.closed_as, newest.closed_as),
       conversation.last_turn_at > newest.closed_at
FROM unnest(%(conversations)s::bigint[]) AS wanted (id)
JOIN persistence_conversation AS conversation ON conversation.id = wanted.id
CROSS JOIN LATERAL (
    SELECT status, closed_as, closed_at, merged_into_id FROM handoff_case
    WHERE conversation_id = wanted.id ORDER BY id DESC LIMIT 1
) AS newest
LEFT JOIN handoff_case AS kept ON kept.id = newest.merged_into_id
"""
OPEN_CASES = {
    "pending_consent": "case waits for consent",
    "open": "case is open",
    "in_progress": "case is in progress",
    "waiting_customer": "case waits for the customer",
}
assert OPEN_CASES.keys() == set(LIVE)


class Desk:
    """The ``Outside`` of ``SUMMARY_OUTSIDE``: cases and endpoints."""

    def outcomes(self, conversation_pks: Sequence[int]) -> dict[int, Outcome]:
        """Return how these conversations stand by their newest case, by primary key, in one query.

        A live case is escalated, one closed as resolved is resolved. Everything else leaves it to the words: a case
        that was called off or whose customer left says nothing about the trouble, and a closed one says nothing about
        what was said afterwards.
        """
        with connection.cursor() as cursor:
            cursor.execute(NEWEST_CASES, {"conversations": list(conversation_pks)})
            rows = cursor.fetchall()
        found = {pk: outcome(status, closed_as, bool(more_said)) for pk, status, closed_as, more_said in rows}
        return {pk: known for pk, known in found.items() if known is not None}

    def listeners(self, domain: str) -> list[str]:
        """Return the domain's summary webhooks. One that is switched off is among them: its events wait for it."""
        return receivers(domain, Endpoint.Purpose.SUMMARIES, None)


def outcome(status: str, closed_as: str, more_said: bool) -> Outcome | None:
    """Return what a case says of its conversation; ``more_said``: something was, after the case was closed."""
    if status in OPEN_CASES:
        return Outcome("escalated", OPEN_CASES[status])
    if closed_as == "resolved" and not more_said:
        return Outcome("resolved", "case closed as resolved")
    return None
