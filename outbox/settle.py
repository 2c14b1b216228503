"""Settle: write down what became of claimed deliveries, if the lease is still held.

The relay's last moment, and its delicate one. Two things make it safe, and both must stay:

* The lane is locked *with its token* before anything is written. No row means that another worker took the lane over:
  it is fenced, nothing changes, it is counted.
* The lane's next due time comes from a *separate, later* statement. A turn that commits while the first statement
  runs is invisible to that statement's snapshot; computed there, the lane would go to sleep over it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from outbox import breaker
from outbox.destinations import Destination
from outbox.outcomes import (
    ClaimedDelivery,
    ClaimedLane,
    Dead,
    Delivered,
    Failed,
    Gone,
    Outcome,
    Parked,
    Unavailable,
)

LOCK_HELD = """
SELECT lane.id FROM outbox_lane AS lane
JOIN unnest(%(ids)s::bigint[], %(tokens)s::bigint[]) AS held (id, token)
    ON held.id = lane.id AND held.token = lane.token
WHERE lane.leased_until IS NOT NULL ORDER BY lane.id FOR UPDATE OF lane
"""
DELIVERED = """
UPDATE outbox_delivery SET status = 'delivered', attempts = attempts + 1, settled_at = clock_timestamp()
WHERE id = ANY (%(ids)s) AND status = 'pending'
"""
NOT_DELIVERED = """
UPDATE outbox_delivery AS delivery
SET status = given.status, attempts = delivery.attempts + given.spent, last_error_code = given.code,
    next_at = clock_timestamp() + given.wait * interval '1 second',
    settled_at = CASE WHEN given.status = 'pending' THEN NULL ELSE clock_timestamp() END
FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(codes)s::text[], %(waits)s::float8[],
            %(spent)s::int[]) AS given (id, status, code, wait, spent)
WHERE delivery.id = given.id AND delivery.status = 'pending'
"""
# The head decides when the lane is due. A head that waited before is due now, behind the lanes that came meanwhile.
FREE = """
UPDATE outbox_lane AS lane SET leased_until = NULL, rescues = 0, due_at = coalesce((
    SELECT greatest(delivery.next_at, clock_timestamp()) FROM outbox_delivery AS delivery
    WHERE delivery.lane_id = lane.id AND delivery.status = 'pending' ORDER BY delivery.seq, delivery.id LIMIT 1
), 'infinity')
WHERE id = ANY (%(ids)s)
"""
PARK = """
UPDATE outbox_lane AS lane SET leased_until = NULL, rescues = 0, due_at = 'infinity', parked_reason = given.reason
FROM unnest(%(ids)s::bigint[], %(reasons)s::text[]) AS given (id, reason) WHERE lane.id = given.id
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a delivery that was not delivered becomes, after ``wait`` seconds and ``spent`` (0 or 1) attempts.

    ``park`` says that its lane waits for an operator with it.
    """

    status: str
    code: str
    wait: float = 0
    spent: int = 1
    park: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What was written: deliveries that arrived, the codes of those that did not, and how many lanes were fenced."""

    delivered: list[ClaimedDelivery]
    errors: list[str]
    fenced: int


def settle(
    destination: Destination, lanes: Sequence[ClaimedLane], outcomes: Mapping[int, Outcome]
) -> Settled:
    """Write the outcomes of these lanes in one short transaction and free the lanes.

    1. lock the lanes still held · 2. mark what was delivered · 3. mark what was not · 4. in a statement of its own,
    wake, delay or sleep each lane by its next head, or park it · 5. open or close the breaker.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        held = lock_held(cursor, lanes)
        mine = [delivery for lane in lanes if lane.id in held for delivery in lane.deliveries]
        delivered = [delivery for delivery in mine if isinstance(outcomes.get(delivery.id), Delivered)]
        verdicts = dict(judge(destination, mine, outcomes))
        if delivered:
            cursor.execute(DELIVERED, {"ids": [delivery.id for delivery in delivered]})
        if verdicts:
            write_verdicts(cursor, verdicts)
        by_lane = {delivery.lane_id: verdicts[delivery.id] for delivery in mine if delivery.id in verdicts}
        free_lanes(cursor, held, by_lane)
        breaker.apply(cursor, destination, mine, outcomes)
    return Settled(delivered, [verdict.code for verdict in verdicts.values()], len(lanes) - len(held))


def lock_held(cursor: Any, lanes: Sequence[ClaimedLane]) -> set[int]:
    """Lock the lanes whose lease is still ours, in a fixed order, and return their ids."""
    cursor.execute(LOCK_HELD, {"ids": [lane.id for lane in lanes], "tokens": [lane.token for lane in lanes]})
    return {lane_id for (lane_id,) in cursor.fetchall()}


def judge(
    destination: Destination, deliveries: Iterable[ClaimedDelivery], outcomes: Mapping[int, Outcome]
) -> Iterable[tuple[int, Verdict]]:
    """Yield what each delivery that failed for itself becomes, by the destination's schedule and rule."""
    for delivery in deliveries:
        match outcomes.get(delivery.id):
            case Failed(code, after):
                delay = destination.delay(delivery.attempts + 1)
                if delay is None:
                    yield delivery.id, give_up(destination, code)
                else:
                    yield delivery.id, Verdict("pending", code, max(destination.jittered(delay), after or 0))
            case Unavailable(code, after):
                wait = destination.jittered(destination.rest(1))
                yield delivery.id, Verdict("pending", code, max(wait, after or 0), spent=0)
            case Dead(code):
                yield delivery.id, give_up(destination, code)
            case Parked(code):
                yield delivery.id, Verdict("parked", code, park=True)
            case Gone(code):
                yield delivery.id, Verdict("pending", code, spent=0)


def give_up(destination: Destination, code: str) -> Verdict:
    """A dead delivery blocks its lane until an operator releases it, unless the destination's rule is to skip it."""
    return Verdict("dead", code, park=destination.on_exhausted != "skip")


def write_verdicts(cursor: Any, verdicts: Mapping[int, Verdict]) -> None:
    cursor.execute(
        NOT_DELIVERED,
        {
            "ids": list(verdicts),
            "statuses": [verdict.status for verdict in verdicts.values()],
            "codes": [verdict.code[:100] for verdict in verdicts.values()],
            "waits": [verdict.wait for verdict in verdicts.values()],
            "spent": [verdict.spent for verdict in verdicts.values()],
        },
    )


def free_lanes(cursor: Any, held: set[int], last_verdict: Mapping[int, Verdict]) -> None:
    """Give the lanes back: parked where a verdict says so, due by their next head otherwise."""
    parked = {
        lane_id: f"{verdict.status}: {verdict.code}"[:200]
        for lane_id, verdict in last_verdict.items()
        if verdict.park
    }
    if free := sorted(held - parked.keys()):
        cursor.execute(FREE, {"ids": free})
    if parked:
        cursor.execute(PARK, {"ids": list(parked), "reasons": list(parked.values())})
