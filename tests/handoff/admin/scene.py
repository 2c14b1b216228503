"""A desk on an ordinary morning, for pictures: made-up customers with real troubles."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.models import CannedReply, Endpoint, ExternalLink, Queue, SupportCase
from tests.handoff.admin.support import agent, case, turn

LONG = (
    "I ordered two desk lamps on 3 November and only one arrived. The parcel was open at one side. I wrote to the shop "
    "twice and each time the answer was that everything had been delivered."
)


def scene() -> SupportCase:
    """Fill an empty desk; return the case to look at. Agents anna and bruno, password as in support."""
    agent("anna"), agent("bruno")
    Queue.objects.create(domain="demo", name="billing", title="Billing")
    Queue.objects.create(domain="demo", name="general", title="General")
    CannedReply.objects.create(
        domain="demo",
        title="Refund on its way",
        text="Dear {{ customer }}, your refund is on its way. {{ agent }}",
    )
    found = main_case()
    for number, (reason, given) in enumerate(OTHERS):
        opened(
            case(reason, session=f"other-{number}", **given), minutes=given.get("minutes", 20 + 37 * number)
        )
    taken = case("cannot log in since the update", session="taken", customer_ref="Lena Fischer")
    actions.claim(taken.case_id, actor=Actor("bruno"))
    waiting = case(
        "wants a copy of an invoice", session="waiting", customer_ref="Kofi Mensah", queue="billing"
    )
    actions.reply(waiting.case_id, actor=Actor("bruno"), text="Which month is it about?", wait=True)
    ended = case("parcel left with a neighbour", session="ended", customer_ref="Marta Nunes")
    actions.close(ended.case_id, actor=Actor("anna"), note="Found at number 12.")
    return found


def main_case() -> SupportCase:
    """A customer with half an order, an assistant that did not help, an agent at work and a colleague's note."""
    who: dict[str, Any] = {"session": "main", "customer_ref": "Marta Nunes"}
    turn("Hello, my order is incomplete", "I am sorry to hear that. What is missing?", **who)
    turn(LONG, "Our records say that both lamps were delivered. Can I help with something else?", **who)
    turn("No! One lamp. My card is 4111 1111 1111 1111, just take it back", "I cannot make refunds.", **who)
    found = case(
        "incomplete order; the assistant could not help",
        text="Can I speak with a human please?",
        priority="high",
        queue="billing",
        reason_code="repeated_failure",
        **who,
    )
    anna, bruno = Actor("anna"), Actor("bruno")
    actions.note(
        found.case_id, actor=bruno, text="The carrier confirmed: the parcel was damaged. Refund one lamp."
    )
    actions.claim(found.case_id, actor=anna)
    actions.reply(
        found.case_id, actor=anna, text="Hello Marta, Anna here. You are right, one lamp is missing."
    )
    turn("Finally! What happens now?", None, **who)
    return found


def ticket(found: SupportCase) -> None:
    """Let a help desk have a ticket about the case."""
    desk = Endpoint.objects.create(
        slug="zendesk", domain="demo", connector="webhook", url="https://desk.example.com/"
    )
    ExternalLink.objects.create(
        endpoint=desk,
        case=found,
        external_id="#1042",
        external_url="https://desk.example.com/tickets/1042",
    )


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("charged twice for one order", {"priority": "urgent", "customer_ref": "Youssef Haddad", "queue": "billing", "minutes": 372}),
    ("asks for somebody who reads לב and العربية", {"customer_ref": "מרים Cohen", "minutes": 420}),
    ("angry about a delay of two weeks", {"priority": "high", "customer_ref": "Ji-woo Park", "reason_code": "negative_sentiment", "minutes": 95}),
    ("allergic reaction to a cream", {"priority": "urgent", "customer_ref": "Aino Laine", "reason_code": "vulnerable_customer", "channel": "whatsapp", "minutes": 8}),
    ("", {"reason_code": "low_confidence", "minutes": 3}),
    ("wants to change the address before it is sent", {"customer_ref": "Tom Baker", "channel": "whatsapp", "consent_required": True}),
]  # fmt: skip


def opened(found: SupportCase, *, minutes: int) -> None:
    """Let the case have been opened some time ago."""
    found.refresh_from_db()
    moved = {"opened_at": found.opened_at - timedelta(minutes=minutes)}
    for name in ("first_due_at", "resolution_due_at", "attention_at", "warn_at", "clock_started_at"):
        if (moment := getattr(found, name)) is not None:
            moved[name] = moment - timedelta(minutes=minutes)
    SupportCase.objects.filter(pk=found.pk).update(**moved)
    assert found.opened_at <= timezone.now()
