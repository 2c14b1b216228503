"""The breaker of a destination: while all of it is out, nobody calls it and no event spends an attempt.

Its state is one row that every worker sees. It opens for a little longer with each failure in a row; when its time is
over, one lane at a time probes the destination, and the first delivery closes it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from outbox.destinations import Destination
from outbox.outcomes import ClaimedDelivery, Delivered, Gone, Outcome, Unavailable

FAILURES = "SELECT failures FROM outbox_destination_state WHERE destination = %(destination)s FOR UPDATE"
OPEN = """
INSERT INTO outbox_destination_state AS state (destination, failures, open_until, parked_reason, last_error_code)
VALUES (%(destination)s, 1, clock_timestamp() + %(rest)s * interval '1 second', %(parked)s, %(code)s)
ON CONFLICT (destination) DO UPDATE
SET failures = state.failures + 1, open_until = excluded.open_until, last_error_code = excluded.last_error_code,
    parked_reason = CASE WHEN excluded.parked_reason = '' THEN state.parked_reason ELSE excluded.parked_reason END,
    changed_at = clock_timestamp()
"""
CLOSE = """
UPDATE outbox_destination_state SET failures = 0, open_until = NULL, changed_at = clock_timestamp()
WHERE destination = %(destination)s AND failures > 0
"""


def apply(
    cursor: Any,
    destination: Destination,
    deliveries: Iterable[ClaimedDelivery],
    outcomes: Mapping[int, Outcome],
) -> None:
    """Open or close the breaker by what happened, inside the settling transaction.

    A delivery proves the destination alive, whatever else failed beside it.
    """
    found = [outcomes.get(delivery.id) for delivery in deliveries]
    if gone := next((outcome for outcome in found if isinstance(outcome, Gone)), None):
        open_breaker(cursor, destination, gone.code, parked=f"gone: {gone.code}")
    elif any(isinstance(outcome, Delivered) for outcome in found):
        cursor.execute(CLOSE, {"destination": destination.name})
    elif out := next(
        (outcome for outcome in found if isinstance(outcome, Unavailable) and outcome.breaker), None
    ):
        open_breaker(cursor, destination, out.code, at_least=out.after or 0)


def open_breaker(
    cursor: Any, destination: Destination, code: str, *, at_least: float = 0, parked: str = ""
) -> None:
    """Keep everyone away for as long as the failures in a row ask for; ``parked`` keeps them away for good."""
    cursor.execute(FAILURES, {"destination": destination.name})
    failures = (cursor.fetchone() or (0,))[0] + 1
    cursor.execute(
        OPEN,
        {
            "destination": destination.name,
            "rest": max(destination.jittered(destination.rest(failures)), at_least),
            "parked": parked[:200],
            "code": code[:100],
        },
    )
