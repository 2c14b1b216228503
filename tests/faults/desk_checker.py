"""The checker's part about help desks: what was promised, what the desk was sent, and what it holds.

I1  every handoff that was acknowledged is one case and one ticket; everything that the case tells has arrived
I2  the desk holds and was sent nothing that no case explains
I3  per case, first receipts arrive in the order of its events, without a gap
I4  duplicates carry the same event id and the same body; none is sent after a newer event of its case
I8  nothing stays leased beyond its lease and a sweep
and once all has arrived, ticket and case have the same status.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import psycopg2

from tests.fakes.desk.base import Request, Ticket
from tests.faults.checker import Violation

SWEEP_SECONDS = 5.0
GRACE_SECONDS = 10.0  # of a busy machine, for the sweep to come round
CASES = "SELECT case_id::text, status FROM handoff_case"
TOLD = """
SELECT event.event_id::text, lane.ordering_key, delivery.seq, delivery.status
FROM outbox_delivery AS delivery JOIN outbox_lane AS lane ON lane.id = delivery.lane_id
JOIN outbox_event AS event ON event.event_id = delivery.event_id
WHERE lane.destination = %s ORDER BY lane.ordering_key, delivery.seq, delivery.id
"""
LEASED = """
SELECT destination || ' ' || ordering_key, extract(epoch FROM clock_timestamp() - leased_until)::float
FROM outbox_lane WHERE leased_until IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery of a case's event in the database."""

    event_id: str
    case_id: str
    seq: int
    status: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it arrived at the desk."""

    event_id: str
    case_id: str
    sha256: str


@dataclass(slots=True)
class Records:
    """The records to hold against each other. ``acknowledged``: the case of each handoff that a client was promised.

    ``leased`` are the lanes in somebody's hands, each with the seconds since its lease was over.
    """

    acknowledged: list[str] = field(default_factory=list)
    cases: dict[str, str] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    leased: dict[str, float] = field(default_factory=dict)


def read(
    url: str,
    destination: str,
    *,
    acknowledged: Iterable[str],
    requests: Sequence[Request],
    tickets: list[Ticket],
) -> Records:
    """Read the database in one snapshot, and what a webhook desk was sent."""
    connection = psycopg2.connect(url)
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute(CASES)
            cases = dict(cursor.fetchall())
            cursor.execute(TOLD, [destination])
            told = [Told(*row) for row in cursor.fetchall()]
            cursor.execute(LEASED)
            leased = dict(cursor.fetchall())
    finally:
        connection.close()
    sent = [
        Sent(
            request.headers["webhook-id"],
            json.loads(request.body)["data"]["case_id"],
            hashlib.sha256(request.body).hexdigest(),
        )
        for request in requests
    ]
    return Records(list(acknowledged), cases, told, sent, tickets, leased)


def check(records: Records, *, drained: bool = True) -> list[Violation]:
    """Return every violation. With ``drained`` everything must have arrived."""
    return [
        *promises_are_kept(records, drained=drained),
        *nothing_comes_from_nowhere(records),
        *everything_is_in_order(records),
        *duplicates_are_harmless(records),
        *leases_end(records, drained=drained),
    ]


def promises_are_kept(records: Records, *, drained: bool) -> Iterator[Violation]:
    """I1, and that the states have converged."""
    tickets = Counter(ticket.case_id for ticket in records.tickets)
    for case_id in records.acknowledged:
        if case_id not in records.cases:
            yield Violation("I1", f"case {case_id} was promised and is not there")
    if not drained:
        return
    for case_id in records.cases:
        if tickets[case_id] != 1:
            yield Violation("I1", f"case {case_id} has {tickets[case_id]} tickets")
    for told in records.told:
        if told.status != "delivered":
            yield Violation("I1", f"event {told.seq} of case {told.case_id} is {told.status}")
    for ticket in records.tickets:
        if (status := records.cases.get(ticket.case_id)) not in (None, ticket.status):
            yield Violation("I1", f"case {ticket.case_id} is {status}, its ticket {ticket.status}")


def nothing_comes_from_nowhere(records: Records) -> Iterator[Violation]:
    """I2."""
    known = {told.event_id: told.case_id for told in records.told}
    for sent in records.sent:
        if known.get(sent.event_id) != sent.case_id:
            yield Violation(
                "I2", f"the desk was sent {sent.event_id} of case {sent.case_id}, which no case tells"
            )
    for ticket in records.tickets:
        if ticket.case_id not in records.cases:
            yield Violation("I2", f"the desk holds a ticket for {ticket.case_id}, which is no case")


def everything_is_in_order(records: Records) -> Iterator[Violation]:
    """I3."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for told in records.told:
        wanted[told.case_id].append(told.event_id)
    arrived: dict[str, list[str]] = defaultdict(list)
    for sent in records.sent:
        if sent.event_id not in arrived[sent.case_id]:
            arrived[sent.case_id].append(sent.event_id)
    for case_id, order in arrived.items():
        if order != wanted[case_id][: len(order)]:
            yield Violation(
                "I3", f"the events of case {case_id} arrived first in another order than they happened"
            )


def duplicates_are_harmless(records: Records) -> Iterator[Violation]:
    """I4."""
    bodies: dict[str, set[str]] = defaultdict(set)
    seqs = {told.event_id: told.seq for told in records.told}
    newest: dict[str, int] = {}
    for sent in records.sent:
        bodies[sent.event_id].add(sent.sha256)
        seq = seqs.get(sent.event_id, 0)
        if seq < newest.get(sent.case_id, 0):
            yield Violation("I4", f"event {seq} of case {sent.case_id} was sent after a newer one")
        newest[sent.case_id] = max(seq, newest.get(sent.case_id, 0))
    for event_id, found in bodies.items():
        if len(found) > 1:
            yield Violation("I4", f"{event_id} was sent with {len(found)} bodies")


def leases_end(records: Records, *, drained: bool) -> Iterator[Violation]:
    """I8."""
    for lane, over in records.leased.items():
        if drained or over > SWEEP_SECONDS + GRACE_SECONDS:
            yield Violation("I8", f"{lane} is leased, {over:.1f} s past the end of its lease")
