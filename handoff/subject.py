"""A customer's cases: counted, exported, erased. Desks that have a ticket are asked to delete it.

A case belongs to whom its conversation belongs to. What an agent wrote stays with the agent's name in an export: it was
said to the customer, or about them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from handoff.cases.selectors import case_fields, rows_with_names
from handoff.delivery.erased import NOTE, notice
from handoff.delivery.transcript import REQUESTED
from handoff.models import CaseEvent, CaseText, Endpoint, ExternalLink, Handoff, SupportCase
from handoff.models.cases import LIVE
from outbox.enqueue import enqueue
from outbox.models import DeliveryAttempt, Lane
from persistence.database import database_now
from persistence.subject.port import Elsewhere, Erased, Subject

T = TypeVar("T")
Rows = Iterator[dict[str, Any]]

AT_ONCE, EVENTS_AT_ONCE = 100, 500  # conversations, or keys of lanes; events of one case
# How a send ended that may have opened a ticket although no desk has said so: a worker died, or no good answer came.
UNCLEAR = ("", "failed")
# Of a case as the API shows it: what serves whoever works on it, and says nothing about the customer.
FOR_WORK = frozenset({"actions", "version", "control", "control_epoch", "attention_at"})
STATES = {
    "pending_consent": "waits for the customer's consent",
    "open": "is open",
    "in_progress": "is in progress",
    "waiting_customer": "waits for the customer",
}


class CasesOfSubject:
    """The share of ``SUBJECT_PARTS`` that is cases; ``persistence.subject.port`` says what each method is for."""

    def ordering_keys(self, subject: Subject) -> list[str]:
        """Return under which ordering keys the outbox keeps what was told of these cases: the cases' ids."""
        return [str(case_id) for pks in chunks(subject.pks) for case_id in case_ids(pks)]

    def count(self, subject: Subject) -> dict[str, int]:
        """Return how many rows there are, by kind."""
        found = dict.fromkeys(kinds([]), 0)
        for pks in chunks(subject.pks):
            for kind, rows in kinds(case_pks(pks)).items():
                found[kind] += rows.count()
        return found

    def elsewhere(self, subject: Subject) -> list[Elsewhere]:
        """Return the tickets at help desks, and those that may be there although no desk has said so."""
        return [copy for pks in chunks(subject.pks) for copy in copies(pks, asked=False)]

    def hindrances(self, subject: Subject) -> list[str]:
        """Name the cases that are live; and what a worker is sending to a desk or to the app at this moment.

        Inside a transaction it holds the lanes: until the commit, no worker takes up what is about to be erased.
        """
        owed = [sentence for pks in chunks(subject.pks) for sentence in live_cases(pks)]
        if owed:
            return owed
        keys = [*self.ordering_keys(subject), *map(str, subject.public_ids)]
        names = [endpoint.destination for endpoint in Endpoint.objects.filter(domain=subject.domain)]
        return [sentence for some in chunks(keys) for sentence in sends(names, some)]

    def files(self, subject: Subject) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
        """Yield cases, their histories, the attempts to reach a human, and the tickets at desks.

        The search is left out: it holds the words of these and of the transcript, and nothing else.
        """
        yield "cases.jsonl", each(subject, case_rows)
        yield "case_events.jsonl", each(subject, event_rows)
        yield "handoffs.jsonl", each(subject, handoff_rows)
        yield "tickets.jsonl", each(subject, ticket_rows)

    def erase(self, subject: Subject) -> Erased:
        """Delete the cases and what hangs on them, and enqueue the notices for the desks that have a ticket.

        The outbox must have forgotten these cases before: what is enqueued here is all that their lanes hold then.
        """
        gone = dict.fromkeys(kinds([]), 0)
        elsewhere: list[Elsewhere] = []
        links: list[ExternalLink] = []
        for pks in chunks(subject.pks):
            # Held, so that the search cannot add words to a case that goes.
            held = list(case_pks(pks).order_by("id").select_for_update())
            elsewhere += copies(pks, asked=True)
            links += links_of(pks)
            for kind, rows in reversed(kinds(held).items()):
                gone[kind] += rows.delete()[0]
        tell(links)
        return Erased(gone, elsewhere)


def kinds(cases: Any) -> dict[str, QuerySet[Any]]:
    """Return what is kept of these cases (primary keys, or a query for them), by kind: what is pointed to first."""
    return {
        "cases": SupportCase.objects.filter(pk__in=cases),
        "case events": CaseEvent.objects.filter(case_id__in=cases),
        "handoffs": Handoff.objects.filter(case_id__in=cases),
        "tickets": ExternalLink.objects.filter(case_id__in=cases),
        "search entries": CaseText.objects.filter(case_id__in=cases),
    }


def case_pks(conversations: Sequence[int]) -> QuerySet[SupportCase, int]:
    """Return the primary keys of these conversations' cases."""
    return SupportCase.objects.filter(conversation_id__in=conversations).values_list("pk", flat=True)


def case_ids(conversations: Sequence[int]) -> QuerySet[SupportCase, UUID]:
    """Return the public ids of these conversations' cases."""
    cases = SupportCase.objects.filter(conversation_id__in=conversations).order_by("id")
    return cases.values_list("case_id", flat=True)


def links_of(conversations: Sequence[int]) -> QuerySet[ExternalLink]:
    """Return the tickets of these conversations' cases, with all that a notice says."""
    found = ExternalLink.objects.filter(case__conversation_id__in=conversations)
    return found.select_related("case__conversation", "endpoint").order_by("case_id", "id")


def live_cases(conversations: Sequence[int]) -> list[str]:
    """Return a sentence for each case in which somebody still owes the customer something."""
    live = SupportCase.objects.filter(conversation_id__in=conversations, status__in=LIVE).order_by("id")
    return [
        f"Case {case_id} {STATES[status]}. Close or cancel it first: somebody still owes this customer something."
        for case_id, status in live.values_list("case_id", "status")
    ]


def sends(destinations: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return a sentence for each of these lanes that a worker has in hand."""
    lanes = Lane.objects.filter(destination__in=destinations, ordering_key__in=keys).order_by("id")
    if connection.in_atomic_block:
        lanes = lanes.select_for_update()
    found = list(lanes.values_list("destination", "ordering_key", "leased_until"))
    now = database_now()
    return [
        f"{destination} is being told of {key} at this moment. Wait a minute, then erase again: what is on its way "
        "cannot be called back."
        for destination, key, leased_until in found
        if leased_until is not None and leased_until > now
    ]


def copies(conversations: Sequence[int], *, asked: bool) -> list[Elsewhere]:
    """Return the tickets of these conversations' cases, and those that a send of unclear end may have opened."""
    links = list(links_of(conversations))
    linked = {(link.endpoint.destination, str(link.case.case_id)) for link in links}
    attempts = DeliveryAttempt.objects.filter(
        ordering_key__in=[str(case_id) for case_id in case_ids(conversations)],
        event_type=REQUESTED,
        outcome__in=UNCLEAR,
    )
    tried = set(attempts.values_list("destination", "ordering_key"))
    return [
        Elsewhere(link.endpoint.destination, link.external_id, link.external_url, asked=asked)
        for link in links
    ] + [
        Elsewhere(destination, f"perhaps a ticket of case {case_id}: it was ordered, and no answer came")
        for destination, case_id in sorted(tried - linked)
    ]


def tell(links: Iterable[ExternalLink]) -> None:
    """Ask each desk to delete its ticket, in the lane of the case that is gone."""
    now = database_now()
    for link in links:
        payload = notice(link, now)
        enqueue(
            NOTE,
            payload,
            ordering_key=payload["case_id"],
            ordering_seq=payload["seq"],
            destinations=[link.endpoint.destination],
        )


def each(subject: Subject, rows: Callable[[Sequence[int]], Rows]) -> Rows:
    """Yield the rows of all conversations, some conversations at a time."""
    for pks in chunks(subject.pks):
        yield from rows(pks)


def case_rows(conversations: Sequence[int]) -> Rows:
    """Yield cases as the API shows them, without what serves only to work on them."""
    for case in rows_with_names().filter(conversation_id__in=conversations).order_by("id"):
        yield {name: value for name, value in case_fields(case).items() if name not in FOR_WORK}


def event_rows(conversations: Sequence[int]) -> Rows:
    """Yield what happened to each case, internal notes among it, in order."""
    cases = SupportCase.objects.filter(conversation_id__in=conversations).order_by("id")
    for pk, case_id in cases.values_list("pk", "case_id"):
        after = 0
        while page := list(
            CaseEvent.objects.filter(case_id=pk, seq__gt=after).order_by("seq")[:EVENTS_AT_ONCE]
        ):
            after = page[-1].seq
            for event in page:
                yield {
                    "case_id": str(case_id),
                    "seq": event.seq,
                    "kind": event.kind,
                    "actor": event.actor,
                    "text": event.text,
                    "data": event.data,
                    "turn_id": str(event.turn_id) if event.turn_id else None,
                    "created_at": event.created_at.isoformat(),
                }


def handoff_rows(conversations: Sequence[int]) -> Rows:
    """Yield the attempts to give a conversation to a human."""
    found = (
        Handoff.objects.filter(case__conversation_id__in=conversations).select_related("case").order_by("id")
    )
    for attempt in found:
        yield {
            "handoff_id": str(attempt.handoff_id),
            "case_id": str(attempt.case.case_id),
            "state": attempt.state,
            "reason_code": attempt.reason_code,
            "requested_at": attempt.requested_at.isoformat(),
            "accepted_at": attempt.accepted_at.isoformat() if attempt.accepted_at else None,
            "accepted_by": attempt.accepted_by or None,
            "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
            "from_seq": attempt.from_seq,
            "to_seq": attempt.to_seq,
            "outcome": attempt.outcome,
        }


def ticket_rows(conversations: Sequence[int]) -> Rows:
    """Yield what help desks call the cases."""
    for link in links_of(conversations):
        yield {
            "case_id": str(link.case.case_id),
            "desk": link.endpoint.destination,
            "ticket": link.external_id,
            "url": link.external_url,
            "created_at": link.created_at.isoformat(),
        }


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the values some at a time."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
