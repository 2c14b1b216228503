"""Zammad: a ticket per case.

Outbound (https://docs.zammad.org/en/latest/api/ticket/, .../api/ticket/articles.html): ``Authorization: Token
token=...``. Zammad has no idempotency key, so each ticket carries the case in an attribute that an administrator
adds to the object "Ticket" (text, name ``holdfast_case_id`` or the option ``case_attribute``). Zammad drops
attributes that it does not know without a word, which is why ``probe`` and every create look whether it is there.
It is searched by ``condition``, which reads the database; ``query`` reads a search index that is some seconds late.
Articles carry our event's id in their ``preferences``, which shows after a lost answer whether they are there.

A note never stops an SLA clock in Zammad, public or not: answers are articles of the type ``chat``, customers'
messages of the type ``web``, both of which count as communication and send nothing out. ``pending reminder`` pauses
the clocks and needs a time.

Inbound: ``zammad_events``.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from handoff.connectors import dialect, judge, reading
from handoff.connectors.port import Answer, Desk, DeskTrouble, Heard, Message
from handoff.connectors.render import handoff_text, title
from handoff.connectors.zammad_events import MARKER, case_attribute, heard, verify
from handoff.net.client import Reply
from outbox.outcomes import Dead, Delivered

STATES = {
    "open": "open",
    "in_progress": "open",
    "waiting_customer": "pending reminder",
    "closed": "closed",
    "cancelled": "closed",
}
PRIORITIES = {"low": "1 low", "normal": "2 normal", "high": "3 high", "urgent": "3 high"}
REMINDER = timedelta(days=7)
NEWEST = 10  # articles that are looked through for one that we may have sent already
NOBODY = UUID(int=0)


class Zammad:
    """See the module."""

    correlates: ClassVar[bool] = True
    options: ClassVar[frozenset[str]] = frozenset(
        {"group", "login", "case_attribute", "customer_domain", "priorities", "tags"}
    )
    secrets: ClassVar[frozenset[str]] = frozenset({"token", "signing"})

    def find(self, desk: Desk, case_id: UUID) -> Answer | None:
        """Look for the case's attribute; of several tickets the oldest counts."""
        attribute = case_attribute(desk)
        condition = f"condition[ticket.{attribute}]"
        query = {f"{condition}[operator]": "is", f"{condition}[value]": case_id, "limit": 5, "expand": "true"}
        try:
            reply = _call(desk, "GET", _api(desk, "tickets", "search") + "?" + urlencode(query))
        except DeskTrouble as trouble:
            raise dialect.looked_up(trouble) from None
        found = dialect.rows(reply, desk)
        ids = [dialect.id_in(one, reply, desk) for one in found if one.get(attribute) == str(case_id)]
        if not ids:
            return None
        oldest = min(ids, key=lambda one: (len(one), one))
        return dialect.delivered(desk, reply, oldest, _page(desk, oldest))

    def create(self, desk: Desk, message: Message) -> Answer:
        """Open the ticket with an internal note. Warns where the case's attribute was dropped."""
        reply = _call(desk, "POST", _api(desk, "tickets"), _ticket(desk, message))
        ticket = judge.json_of(reply, desk=desk)
        external_id = dialect.id_in(ticket, reply, desk)
        answer = dialect.delivered(desk, reply, external_id, _page(desk, external_id))
        if ticket.get(case_attribute(desk)) == str(message.case_id):
            return answer
        said = f"Zammad dropped the attribute {case_attribute(desk)}: add it, or a lost answer makes a second ticket."
        return Answer(Delivered(), external_id, answer.external_url, reply.status, said)

    def update(self, desk: Desk, message: Message) -> Answer:
        """Add an article, or put the state; both at once where a change of status comes with words."""
        if message.event_type not in ("case.message", "case.note", "case.status"):
            raise dialect.not_understood(message)
        if message.tries and _has_article(desk, message):
            return dialect.already_there(message)
        if message.event_type == "case.status":
            return _put_state(desk, message)
        article = _article(message) | {"ticket_id": dialect.number(message.external_id)}
        reply = _call(desk, "POST", _api(desk, "ticket_articles"), article)
        dialect.id_in(judge.json_of(reply, desk=desk), reply, desk)
        return dialect.delivered(desk, reply, message.external_id)

    def probe(self, desk: Desk) -> Answer:
        """Ask who we are, and search as ``find`` does: an attribute that does not exist is refused there."""
        reply = _call(desk, "GET", _api(desk, "users", "me"))
        login = reading.identifier(judge.json_of(reply, desk=desk).get("login"))
        self.find(desk, NOBODY)
        note = "" if desk.options.get("login") == login else f" The option login must be {login}."
        return Answer(Delivered(), status_code=reply.status, excerpt=f"Signed in as {login}.{note}")

    def receive(self, desk: Desk, headers: Mapping[str, str], body: bytes, now: datetime) -> list[Heard]:
        """Verify, then read the ticket and, where there is one, its new article."""
        verify(desk, headers, body)
        return heard(desk, reading.json_object(body), now)


def _ticket(desk: Desk, message: Message) -> dict[str, Any]:
    payload = message.payload
    tags = ["holdfast", str(payload.get("reason_code", "unclassified")), *desk.options.get("tags", ())]
    return {
        "title": title(payload),
        "group": desk.options.get("group", "Users"),
        "customer_id": f"guess:{_customer(desk, message)}",
        "priority": _priority(desk, payload) or PRIORITIES["normal"],
        "tags": ",".join(tags),
        case_attribute(desk): str(message.case_id),
        "article": _entry(message, handoff_text(payload), kind="note", sender="Agent", internal=True)
        | {"subject": title(payload)},
    }


def _customer(desk: Desk, message: Message) -> str:
    """Return a mail address for the customer, which Zammad insists on.

    Who has none gets one below ``.invalid`` (RFC 2606), to which no mail can go; the same customer always the same.
    """
    ref = (message.payload.get("customer") or {}).get("ref")
    if mail := dialect.mail_of(ref):
        return mail
    told_apart = sha256(f"{desk.domain}\0{ref or message.case_id}".encode("utf-8", "replace")).hexdigest()[
        :20
    ]
    return f"customer-{told_apart}@{desk.options.get('customer_domain', 'holdfast.invalid')}"


def _article(message: Message) -> dict[str, Any]:
    payload = message.payload
    if message.event_type == "case.message":
        customer = payload.get("from") == "customer"
        return _entry(
            message,
            dialect.spoken(payload),
            kind="web" if customer else "chat",
            sender="Customer" if customer else "Agent",
            internal=False,
        )
    return _entry(message, dialect.remark(message), kind="note", sender="Agent", internal=True)


def _entry(message: Message, text: str, *, kind: str, sender: str, internal: bool) -> dict[str, Any]:
    return {
        "body": text,
        "content_type": "text/plain",
        "type": kind,
        "sender": sender,
        "internal": internal,
        "preferences": {MARKER: str(message.event_id)},
    }


def _put_state(desk: Desk, message: Message) -> Answer:
    """Put what differs: a ticket that is as it should be is left alone, so that no event comes back."""
    url = _api(desk, "tickets", message.external_id)
    reply = _call(desk, "GET", url + "?expand=true")
    ticket = judge.json_of(reply, desk=desk)
    dialect.id_in(ticket, reply, desk)
    if ticket.get("state") == "merged":
        said = "Somebody merged this ticket into another one in Zammad. The case goes on in Holdfast."
        raise DeskTrouble(Answer(Dead("ticket_merged"), excerpt=said))
    change = _state(desk, message, ticket)
    if dialect.remark(message):
        change["article"] = _article(message)
    if not change:
        return dialect.already_there(message)
    reply = _call(desk, "PUT", url, change)
    dialect.id_in(judge.json_of(reply, desk=desk), reply, desk)
    return dialect.delivered(desk, reply, message.external_id)


def _state(desk: Desk, message: Message, ticket: Mapping[str, Any]) -> dict[str, Any]:
    change, current = dict[str, Any](), ticket.get("state")
    wanted = STATES.get(message.payload.get("status", ""))
    if wanted and wanted != current and not (wanted == "open" and current == "new"):
        change["state"] = wanted
        if wanted == "pending reminder":
            change["pending_time"] = (message.created_at + REMINDER).isoformat()
    priority = _priority(desk, message.payload)
    if priority and priority != ticket.get("priority"):
        change["priority"] = priority
    return change


def _priority(desk: Desk, payload: Mapping[str, Any]) -> str | None:
    return (PRIORITIES | dict(desk.options.get("priorities", {}))).get(payload.get("priority", ""))


def _has_article(desk: Desk, message: Message) -> bool:
    """Look through the newest articles, one by one: their list comes whole, however long it is."""
    reply = _call(desk, "GET", _api(desk, "tickets", message.external_id) + "?expand=true")
    ids = judge.json_of(reply, desk=desk).get("article_ids")
    if not isinstance(ids, list):
        raise judge.unreadable(reply, desk=desk)
    newest = sorted((number for one in ids if (number := dialect.number(one)) is not None), reverse=True)[
        :NEWEST
    ]
    return any(_marker(desk, number) == str(message.event_id) for number in newest)


def _marker(desk: Desk, article_id: int) -> Any:
    preferences = judge.json_of(_call(desk, "GET", _api(desk, "ticket_articles", article_id)), desk=desk)
    found = preferences.get("preferences")
    return found.get(MARKER) if isinstance(found, dict) else None


def _call(desk: Desk, method: str, url: str, data: Mapping[str, Any] | None = None) -> Reply:
    headers = {"Authorization": f"Token token={desk.secret('token')}", "Accept": "application/json"}
    if data is None:
        return judge.call(desk, method, url, headers=headers, max_bytes=dialect.MANY_BYTES)
    return judge.call(
        desk,
        method,
        url,
        headers=headers | {"Content-Type": "application/json"},
        content=dialect.body(data),
        max_bytes=dialect.MANY_BYTES,
    )


def _api(desk: Desk, *parts: Any) -> str:
    return dialect.address(desk, "api", "v1", *parts)


def _page(desk: Desk, external_id: str) -> str:
    return dialect.address(desk, "#ticket").replace("%23", "#") + f"/zoom/{external_id}"
