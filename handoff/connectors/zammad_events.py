"""What Zammad posts to us.

A trigger ("Ticket is created or updated") with the notification "Webhook", default payload
(https://admin-docs.zammad.org/en/latest/manage/webhook/payload.html): the whole ticket, and the article that set it
off. What is read of it::

    {"ticket": {"id": 7, "holdfast_case_id": "<case id>", "state": "open", "updated_at": "2026-11-21T10:00:00.000Z",
                "owner": {"login": "ana@example.org", ...}, "updated_by": {"login": "ana@example.org", ...}},
     "article": {"id": 12, "sender": "Agent", "internal": false, "body": "...", "content_type": "text/html",
                 "created_by": {"firstname": "Ana", ...}, "preferences": {}}}

``X-Hub-Signature: sha1=<hex>`` is HMAC-SHA1 over the body and nothing else: neither a time nor
``X-Zammad-Delivery`` is signed. Two things follow. What a post is known by comes from its signed content (the
article's id; the ticket's state and ``updated_at``), so that a recorded body sent again under a new delivery id is
still the same. And there is no five-minute window: Zammad tries five times over up to 400 seconds and queues before
that, with the time of the change in the body, so five minutes would throw away answers of agents. A day is the
limit, which is how long receipts must be kept.

What was written by the API user (option ``login``), or carries our mark, is our own doing coming back.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from handoff.connectors import dialect, reading
from handoff.connectors.mail import html_text
from handoff.connectors.port import Desk, DeskStatus, Heard, NotAuthentic, Unreadable

MARKER = "holdfast_event"
LONGEST_LAG = timedelta(days=1)
STATUSES: dict[str, DeskStatus] = {
    "new": "open",
    "open": "in_progress",
    "pending reminder": "waiting_customer",
    "pending close": "waiting_customer",
    "closed": "closed",
}


def case_attribute(desk: Desk) -> str:
    """Return the name of the ticket's attribute that holds the case."""
    return str(desk.options.get("case_attribute") or "holdfast_case_id")


def verify(desk: Desk, headers: Mapping[str, str], body: bytes) -> None:
    """Refuse what was not signed with one of the secrets. Raises NotAuthentic."""
    given = headers.get("x-hub-signature", "")
    if not given:
        raise NotAuthentic("signature_missing")
    keys = [secret.encode() for secret in desk.secrets.get("signing", ()) if secret]
    dialect.prove(given, ["sha1=" + hmac.digest(key, body, "sha1").hex() for key in keys])


def heard(desk: Desk, posted: Mapping[str, Any], now: datetime) -> list[Heard]:
    """Return what a verified post tells: an article first, then the state. Raises NotAuthentic, Unreadable."""
    ticket = reading.part(posted, "ticket")
    at = reading.moment(ticket.get("updated_at"), "ticket.updated_at")
    if abs(now - at) > LONGEST_LAG:
        raise NotAuthentic("signature_expired")
    ticket_id = reading.identifier(ticket.get("id"))
    if not ticket_id:
        raise Unreadable("ticket.id", "must be an id")
    case_id = _case_id(ticket.get(case_attribute(desk)))
    article = posted.get("article")
    article = article if isinstance(article, dict) else {}
    told = [_article(desk, article, ticket_id, case_id, at)] if article else []
    if not _wrote(desk, article) and not _is_ours(desk, ticket.get("updated_by")):
        told += _ticket(ticket, ticket_id, case_id, at, alone=not told)
    return told or [Heard(f"ticket:{ticket_id}:{at.isoformat()}", "ignored", ticket_id, case_id, at=at)]


def _article(
    desk: Desk, article: Mapping[str, Any], ticket_id: str, case_id: UUID | None, at: datetime
) -> Heard:
    article_id = reading.identifier(article.get("id"))
    if not article_id:
        raise Unreadable("article.id", "must be an id")
    delivery_id = f"article:{article_id}"
    sender = _name(article.get("sender"))
    if _wrote(desk, article) or sender == "System":
        return Heard(delivery_id, "ignored", ticket_id, case_id, at=at)
    text = reading.text(article, "body", path="article.")
    if article.get("content_type") == "text/html":
        text = html_text(text).strip()
    # What a customer writes straight to Zammad is no agent's answer; a note keeps it in sight.
    answers = sender == "Agent" and article.get("internal") is False and text.strip()
    return Heard(
        delivery_id,
        "reply" if answers else "note",
        ticket_id,
        case_id,
        text=text if text.strip() else dialect.NO_TEXT,
        author=_person(article.get("created_by")) or _name(article.get("from")),
        at=at,
    )


def _ticket(
    ticket: Mapping[str, Any], ticket_id: str, case_id: UUID | None, at: datetime, *, alone: bool
) -> list[Heard]:
    """Return the ticket's state; who owns it only where the post is about the ticket itself."""
    told: list[Heard] = []
    owner = _person(ticket.get("owner"))
    if alone and owner:
        delivery_id = f"owner:{ticket_id}:{at.isoformat()}"
        told.append(Heard(delivery_id, "assigned", ticket_id, case_id, author=owner, at=at))
    state = _name(ticket.get("state"))
    status = STATUSES.get(state)
    if status:
        delivery_id = f"state:{ticket_id}:{state}:{at.isoformat()}"
        told.append(Heard(delivery_id, "status", ticket_id, case_id, author=owner, status=status, at=at))
    return told


def _wrote(desk: Desk, article: Mapping[str, Any]) -> bool:
    preferences = article.get("preferences")
    marked = isinstance(preferences, dict) and MARKER in preferences
    return marked or _is_ours(desk, article.get("created_by"))


def _is_ours(desk: Desk, person: Any) -> bool:
    ours = desk.options.get("login")
    if not isinstance(ours, str) or not ours:
        return False
    known = [person.get("login"), person.get("email")] if isinstance(person, dict) else [person]
    return ours.lower() in [one.lower() for one in known if isinstance(one, str)]


def _person(value: Any) -> str:
    """Return a person's name; "" for nobody, which Zammad calls "-"."""
    if isinstance(value, str):
        return "" if value == "-" else reading.name_of(reading.storable(value))
    if not isinstance(value, dict):
        return ""
    parts = [value.get("firstname"), value.get("lastname")]
    full = " ".join(part for part in parts if isinstance(part, str) and part not in ("", "-"))
    login = value.get("login")
    return reading.name_of(reading.storable(full)) or ("" if login == "-" else _name(login))


def _name(value: Any) -> str:
    """Return the name of a state or a sender, which is given bare or as an object by the payload's version."""
    found = value.get("name") if isinstance(value, dict) else value
    return reading.name_of(reading.storable(found)) if isinstance(found, str) else ""


def _case_id(value: Any) -> UUID | None:
    try:
        return reading.case_id(value, "ticket")
    except Unreadable:
        return None
