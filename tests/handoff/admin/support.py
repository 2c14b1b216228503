"""Short words for a desk with cases in it: customers who ask for a human, and agents who sign in."""

import itertools
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from handoff import gate
from handoff.models import SupportCase
from persistence.models import DomainAccess

AGENT = ("handoff.view_supportcase", "handoff.change_supportcase")
LEAD = (*AGENT, "handoff.lead_supportcase")
PASSWORD = "a-long-password"
QUEUE = "/admin/handoff/supportcase/"
_numbers = itertools.count(1)


def turn(
    text: str = "hello", reply: str | None = "hi", *, session: str = "s", domain: str = "demo", **more: Any
) -> gate.GatedTurn:
    """Record one exchange through the gate; with ``handoff={…}`` it asks for a human."""
    answered = [] if reply is None else [{"role": "assistant", "content": reply}]
    given: dict[str, Any] = {"channel": "web", "messages": [{"role": "user", "content": text}, *answered]}
    return gate.record_turn(
        domain=domain, session_id=session, request_id=f"request-{next(_numbers)}", **given | more
    )


def case(
    reason: str = "wants a refund",
    *,
    session: str = "s",
    domain: str = "demo",
    text: str = "a human, please",
    **more: Any,
) -> SupportCase:
    """Open a case: a customer who asked for a human and was told that one will come."""
    more.pop("minutes", None)
    wish = {name: more.pop(name) for name in ("priority", "queue", "consent_required") if name in more}
    wish |= {"reason": reason, "reason_code": more.pop("reason_code", "user_request")}
    told = turn(text, "One moment.", session=session, domain=domain, handoff=wish, **more)
    return SupportCase.objects.get(case_id=told.case_id)


def agent(name: str, *permissions: str, domains: tuple[str, ...] = ("demo",)) -> User:
    """Return a new agent with these permissions (by default an agent's) in these domains."""
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    for permission in permissions or AGENT:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    DomainAccess.objects.bulk_create(DomainAccess(user=user, domain=domain) for domain in domains)
    return user


def signed_in(name: str = "anna", *permissions: str, domains: tuple[str, ...] = ("demo",)) -> Client:
    """Return the browser of a new agent, signed in."""
    client = Client()
    client.force_login(agent(name, *permissions, domains=domains))
    return client


def address(found: SupportCase, part: str = "change") -> str:
    """Return the address of a case's page, or of ``act``, ``live``, ``canned`` beside it."""
    return f"{QUEUE}{found.pk}/{part}/"


def press(client: Client, found: SupportCase, act: str, **form: Any) -> Any:
    """Press a button on a case's page that was just loaded, and return the answer."""
    found.refresh_from_db()
    document = {"act": act, "version": str(found.version), "request_id": f"click-{next(_numbers)}"} | form
    return client.post(address(found, "act"), document)
