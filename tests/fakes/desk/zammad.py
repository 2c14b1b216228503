"""Zammad as its API documentation and source describe it: attributes that it does not know are dropped in silence."""

import hmac
import json
import re
from datetime import datetime
from hashlib import sha256
from typing import Any

from handoff.connectors.port import Desk
from tests.fakes.desk.base import Comment, FakeDesk, Reply, Request, Ticket, Told

LOGIN = "holdfast@example.com"
GROUPS = {"Users", "Billing"}
STATES = {"new", "open", "pending reminder", "pending close", "closed"}
PRIORITIES = {"1 low", "2 normal", "3 high"}
TYPES = {"note", "web", "chat", "phone"}  # email would send a mail
SENDERS = {"Agent", "Customer"}
COLUMNS = {"title", "group", "customer_id", "priority", "state", "pending_time", "article", "tags"}
SAID = {"open": "new", "in_progress": "open", "waiting_customer": "pending reminder", "closed": "closed"}


class FakeZammad(FakeDesk):
    """``attributes``: what an administrator added to the object "Ticket"."""

    secrets = {"token": ("zammad-token-1",), "signing": ("zammad-signing-1",)}
    tells = ("reply", "note", "status", "assigned")
    signs_time = False

    def __init__(self) -> None:
        super().__init__()
        self.attributes = {"holdfast_case_id"}
        self.articles: dict[int, dict[str, Any]] = {}

    def desk(self, **changes: Any) -> Desk:
        options = {"group": "Billing", "login": LOGIN, "tags": ["vip"]}
        given = {
            "slug": "zam",
            "domain": "demo",
            "url": self.url,
            "options": options,
            "secrets": self.secrets,
        }
        return Desk(**given | changes)

    def serve(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Token token={self.secrets['token'][0]}":
            return Reply(401, {"error": "Invalid BasicAuth credentials"})
        if request.method != "GET" and request.headers.get("content-type") != "application/json":
            return Reply(422, {"error": "no body"})
        match request.method, request.path.strip("/").split("/")[2:]:
            case "GET", ["users", "me"]:
                return Reply(200, {"id": 3, "login": LOGIN, "email": LOGIN})
            case "GET", ["tickets", "search"]:
                return self._search(request)
            case "POST", ["tickets"]:
                return self._create(request.json())
            case method, ["tickets", ticket_id] if ticket := self.ticket(ticket_id):
                return (
                    Reply(200, self._shown(ticket))
                    if method == "GET"
                    else self._update(ticket, request.json())
                )
            case "POST", ["ticket_articles"]:
                return self._post_article(request.json())
            case "GET", ["ticket_articles", number] if int(number) in self.articles:
                return Reply(200, self.articles[int(number)])
        return Reply(404, {"error": "No such object"})

    def _search(self, request: Request) -> Reply:
        asked = [(name, values[0]) for name, values in request.query.items() if name.endswith("[value]")]
        (name, wanted), *more = asked
        attribute = name.removeprefix("condition[ticket.").removesuffix("][value]")
        operator = request.query.get(f"condition[ticket.{attribute}][operator]")
        if more or attribute not in self.attributes or operator != ["is"]:
            return Reply(422, {"error": "Invalid ticket selector"})
        if request.query.get("expand") != ["true"]:
            return Reply(200, {"tickets": [], "assets": {}})
        return Reply(200, [self._shown(one) for one in self.tickets if one.fields.get(attribute) == wanted])

    def _create(self, data: dict[str, Any]) -> Reply:
        mail = re.fullmatch(r"guess:([^@\s]+@[^@\s]+\.[^@\s]+)", str(data.get("customer_id")))
        wrong = self._wrong(data) or (not data.get("title") and "title") or (not mail and "customer_id")
        if wrong or data.get("group") not in GROUPS or "article" not in data:
            return Reply(422, {"error": f"No lookup value found for {wrong or 'group'}"})
        kept = {name: value for name, value in data.items() if name in self.attributes}
        facts = {
            "title": data["title"],
            "group": data["group"],
            "customer": mail and mail[1],
            "tags": data.get("tags"),
        }
        facts |= {"priority": data.get("priority", "2 normal"), "updated_by": LOGIN}
        ticket = Ticket(
            str(len(self.tickets) + 7), kept.get("holdfast_case_id", ""), data.get("state", "new")
        )
        ticket.fields = facts | kept
        self.tickets.append(ticket)
        self._article(ticket, data["article"])
        return Reply(201, self._shown(ticket))

    def _update(self, ticket: Ticket, data: dict[str, Any]) -> Reply:
        if wrong := self._wrong(data):
            return Reply(422, {"error": f"No lookup value found for {wrong}"})
        ticket.status = data.get("state", ticket.status)
        ticket.fields["priority"] = data.get("priority", ticket.fields["priority"])
        ticket.fields["pending_time"] = data.get("pending_time")
        if "article" in data:
            self._article(ticket, data["article"])
        return Reply(200, self._shown(ticket))

    def _post_article(self, data: dict[str, Any]) -> Reply:
        ticket = self.ticket(str(data.pop("ticket_id", "")))
        if ticket is None or self._wrong({"article": data}):
            return Reply(422, {"error": "article"})
        return Reply(201, self._article(ticket, data))

    def _article(self, ticket: Ticket, data: dict[str, Any]) -> dict[str, Any]:
        number = len(self.articles) + 40
        self.articles[number] = data | {"id": number, "ticket_id": int(ticket.id)}
        marker = data.get("preferences", {}).get("holdfast_event", "")
        ticket.comments.append(Comment(data["body"], not data["internal"], marker, data["sender"]))
        return self.articles[number]

    def _wrong(self, data: dict[str, Any]) -> str:
        if unknown := set(data) - COLUMNS - {one for one in data if one.startswith("holdfast")}:
            return f"unknown {sorted(unknown)}"
        if data.get("state", "open") not in STATES or data.get("priority", "1 low") not in PRIORITIES:
            return "state or priority"
        if data.get("state") == "pending reminder" and not data.get("pending_time"):
            return "pending_time"
        article = data.get("article")
        if article is None:
            return ""
        fine = article.get("body", "").strip() and article.get("content_type") == "text/plain"
        known = article.get("type") in TYPES and article.get("sender") in SENDERS
        return "" if fine and known and isinstance(article.get("internal"), bool) else "article"

    def _shown(self, ticket: Ticket) -> dict[str, Any]:
        ids = [number for number, one in self.articles.items() if one["ticket_id"] == int(ticket.id)]
        return ticket.fields | {"id": int(ticket.id), "state": ticket.status, "article_ids": ids}

    def says(self, told: Told, at: datetime, *, secret: str = "") -> tuple[dict[str, str], bytes]:
        agent = {"firstname": told.author, "lastname": "", "login": LOGIN if told.echo else "ana@example.org"}
        nobody = {"firstname": "-", "lastname": "", "login": "-"}
        number = int(sha256(told.delivery_id.encode()).hexdigest()[:8], 16)
        ticket: dict[str, Any] = {
            "id": told.external_id,
            "state": SAID[told.status],
            "updated_at": at.isoformat(),
        }
        ticket |= {"updated_by": agent, "owner": agent if told.kind == "assigned" else nobody}
        ticket |= {"holdfast_case_id": str(told.case_id)} if told.case_id else {}
        article: dict[str, Any] = {
            "id": number,
            "sender": "Agent",
            "internal": told.kind == "note",
            "body": told.text,
        }
        article |= {"content_type": "text/plain", "created_by": agent, "preferences": {}}
        posted = {"ticket": ticket, "article": article if told.kind in ("reply", "note") else {}}
        body = json.dumps(posted).encode()
        return self.sign(body, at, delivery_id=told.delivery_id, secret=secret), body

    def sign(
        self, body: bytes, at: datetime, *, delivery_id: str = "delivery-1", secret: str = ""
    ) -> dict[str, str]:
        signature = hmac.digest((secret or self.secrets["signing"][0]).encode(), body, "sha1").hex()
        return {
            "x-hub-signature": f"sha1={signature}",
            "x-zammad-delivery": delivery_id,
            "x-zammad-trigger": "Holdfast",
        }
