"""The outbox' handler behind every endpoint: events of a case to its ticket, in order, and never a second ticket.

Whatever dies in between, the next try knows from three records how far the last one came: the attempt, committed before
anything is sent; the desk's own memory (its idempotency key, or the look-up by our case); and the link, committed
before the delivery is settled.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from handoff.connectors.port import Answer, Connector, Desk, DeskTrouble, Message
from handoff.connectors.registry import UnknownConnector, connector
from handoff.delivery.erased import ticket_erased, unquoted
from handoff.delivery.links import LinkConflict, case_named, keep_link, link_of
from handoff.delivery.transcript import REQUESTED
from handoff.endpoints import as_desk, endpoint_of
from handoff.models import Endpoint, SupportCase
from handoff.secrets import SecretsUnreadable
from outbox import attempts
from outbox.destinations import Destination, MaySend
from outbox.outcomes import (
    ClaimedDelivery,
    Delivered,
    Failed,
    Outcome,
    Parked,
    Unavailable,
    code_of,
    word,
)

OFF_SECONDS = 60.0  # how long deliveries rest before they look again whether their endpoint is switched on
UNKNOWN_SECONDS = 60.0

ALREADY = Answer(Delivered(), excerpt="The desk has a ticket for this case; nothing was sent.")
NOT_TOLD = Answer(
    Delivered(), excerpt="This desk was never asked to open a ticket for the case; nothing was sent."
)
CASE_MISSING = Answer(Parked("case_missing"))
LINK_CONFLICT = Parked("link_conflict")
NO_TICKET_ID = Failed("no_ticket_id", after=UNKNOWN_SECONDS)


class DeskHandler:
    """Carries the events of one endpoint. Address, options and secrets are read anew for every batch."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    def deliver(self, lanes: Sequence[Sequence[ClaimedDelivery]], may_send: MaySend) -> dict[int, Outcome]:
        """Carry each lane in order up to its first event that does not arrive."""
        found = self._courier(may_send)
        if not isinstance(found, Courier):
            return {lane[0].id: found for lane in lanes if lane}
        outcomes: dict[int, Outcome] = {}
        for lane in lanes:
            for delivery in lane:
                outcome = found.carry(delivery)
                if outcome is not None:
                    outcomes[delivery.id] = outcome
                if not isinstance(outcome, Delivered):
                    break
        return outcomes

    def _courier(self, may_send: MaySend) -> "Courier | Unavailable":
        """Return who can carry now, or why nobody can. Nothing that waits for an operator spends an attempt."""
        endpoint = endpoint_of(self._destination.name)
        if endpoint is None or not endpoint.active:
            return Unavailable("endpoint_off", OFF_SECONDS)
        try:
            return Courier(
                self._destination, endpoint, connector(endpoint.connector), as_desk(endpoint), may_send
            )
        except UnknownConnector:
            return Unavailable("unknown_connector", OFF_SECONDS)
        except SecretsUnreadable:
            return Unavailable("secrets_unreadable", OFF_SECONDS)


class Courier:
    """One endpoint's adapter in hand."""

    def __init__(
        self, destination: Destination, endpoint: Endpoint, adapter: Connector, desk: Desk, may_send: MaySend
    ) -> None:
        self._destination, self._endpoint = destination, endpoint
        self._adapter, self._desk, self._may_send = adapter, desk, may_send

    def carry(self, delivery: ClaimedDelivery) -> Outcome | None:
        """Send one event and say what became of it; None where the time for a send was over.

        1. write down that a send begins · 2. send, as the event's kind asks for · 3. write down how it ended.
        """
        if not self._may_send():
            return None
        attempt = attempts.begin(self._destination, delivery)
        try:
            answer = self._send(delivery, tries=attempt.before)
        except DeskTrouble as trouble:
            answer = unquoted(trouble.answer) if ticket_erased(delivery) else trouble.answer
        except Exception as error:
            attempts.finish(attempt, outcome="failed", code=f"handler_error:{type(error).__name__}")
            raise
        if answer is None:
            attempts.finish(attempt, outcome="not_sent", code="out_of_time")
            return None
        attempts.finish(
            attempt,
            outcome=word(answer.outcome),
            status_code=answer.status_code,
            code=code_of(answer.outcome),
            excerpt=answer.excerpt,
        )
        return answer.outcome

    def _send(self, delivery: ClaimedDelivery, *, tries: int) -> Answer | None:
        if self._endpoint.purpose != Endpoint.Purpose.HELPDESK:
            return self._to_app(delivery, tries)
        if ticket := ticket_erased(delivery):
            return self._ask_to_delete(delivery, ticket, tries)
        case = case_named(delivery.ordering_key)
        if case is None:
            return CASE_MISSING
        if delivery.event_type == REQUESTED:
            return self._open(delivery, case, tries)
        return self._tell(delivery, case, tries)

    def _to_app(self, delivery: ClaimedDelivery, tries: int) -> Answer:
        """Send what an app must know, about a conversation: there is no ticket."""
        return self._adapter.update(self._desk, message(delivery, None, tries, delivery.ordering_key))

    def _ask_to_delete(self, delivery: ClaimedDelivery, ticket: str, tries: int) -> Answer:
        """Ask for the ticket of a case that was erased; the event says all that is left to say."""
        told = replace(message(delivery, None, tries, ticket), case_id=UUID(delivery.ordering_key))
        return unquoted(self._adapter.update(self._desk, told))

    def _open(self, delivery: ClaimedDelivery, case: SupportCase, tries: int) -> Answer | None:
        """Open the ticket, unless an earlier try did.

        1. the link says that it exists · 2. the desk says so, when an earlier try may have reached it · 3. create, and
        keep the desk's id of it at once.
        """
        if link_of(self._endpoint, case):
            return ALREADY
        found = self._adapter.find(self._desk, case.case_id) if tries and self._adapter.correlates else None
        if found is None:
            if not self._may_send():
                return None
            found = self._adapter.create(self._desk, message(delivery, case, tries))
        if not isinstance(found.outcome, Delivered):
            return found
        return self._linked(found, case)

    def _linked(self, answer: Answer, case: SupportCase) -> Answer:
        """Keep the desk's id of the ticket. A create without one is an unknown outcome; two for a case are an alarm."""
        if not answer.external_id:
            return _but(answer, NO_TICKET_ID)
        try:
            keep_link(self._endpoint, case, answer.external_id, answer.external_url)
        except LinkConflict:
            return _but(answer, LINK_CONFLICT)
        return answer

    def _tell(self, delivery: ClaimedDelivery, case: SupportCase, tries: int) -> Answer:
        """Carry a later event to the ticket.

        Lanes keep order, so a ticket that is missing here was never ordered from this desk (it was configured later, or
        serves another queue), or an operator released the order: there is nothing to tell.
        """
        link = link_of(self._endpoint, case)
        if link is None:
            return NOT_TOLD
        return self._adapter.update(self._desk, message(delivery, case, tries, link.external_id))


def message(
    delivery: ClaimedDelivery, case: SupportCase | None, tries: int, external_id: str = ""
) -> Message:
    """Return the delivery as an adapter knows it."""
    return Message(
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        schema_version=delivery.schema_version,
        created_at=delivery.created_at,
        case_id=case.case_id if case else None,
        payload=delivery.payload,
        tries=tries,
        external_id=external_id,
    )


def _but(answer: Answer, outcome: Outcome) -> Answer:
    """Return the answer under another outcome; what the desk said is kept for people."""
    return Answer(outcome, answer.external_id, answer.external_url, answer.status_code, answer.excerpt)
