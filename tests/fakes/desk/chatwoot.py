"""Chatwoot as its API reference and source describe it, with an inbox of the kind "API"."""

import hmac
import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from handoff.connectors.port import Desk
from tests.fakes.desk.base import Comment, FakeDesk, Reply, Request, Ticket, Told

ACCOUNT, INBOX, TEAM, API_USER = 2, 3, 5, 11
STATUSES = {"open", "resolved", "pending", "snoozed"}
PRIORITIES = {"low", "medium", "high", "urgent", None}
SAID = {"open": "open", "in_progress": "open", "waiting_customer": "snoozed", "closed": "resolved"}
PAGE = 20


class FakeChatwoot(FakeDesk):
    """``has_bot``: conversations begin pending. ``opens_as_agent``: who opens one by the API gets it assigned."""

    secrets = {"token": ("chatwoot-token-1",), "signing": ("chatwoot-signing-1",)}

    def __init__(self) -> None:
        super().__init__()
        self.has_bot = False
        self.opens_as_agent = False
        self.channel = "Channel::Api"
        self.contacts: list[dict[str, Any]] = []
        self.messages: dict[str, list[dict[str, Any]]] = {}

    def desk(self, **changes: Any) -> Desk:
        options = {"account_id": ACCOUNT, "inbox_id": INBOX, "team_id": TEAM}
        given = {
            "slug": "woot",
            "domain": "demo",
            "url": self.url,
            "options": options,
            "secrets": self.secrets,
        }
        return Desk(**given | changes)

    def serve(self, request: Request) -> Reply:
        if request.headers.get("api_access_token") != self.secrets["token"][0]:
            return Reply(401, {"error": "Invalid Access Token"})
        if request.method != "GET" and request.headers.get("content-type") != "application/json":
            return Reply(422, {"error": "no body"})
        start = f"/api/v1/accounts/{ACCOUNT}/"
        if not request.path.startswith(start):
            return Reply(404, {"error": "Resource could not be found"})
        match request.method, request.path.removeprefix(start).split("/"):
            case "GET", ["inboxes", number] if number == str(INBOX):
                return Reply(200, {"id": INBOX, "name": "Holdfast", "channel_type": self.channel})
            case "GET", ["contacts", "search"]:
                return self._search(request.query.get("q", [""])[0])
            case "POST", ["contacts"]:
                return self._make_contact(request.json())
            case "GET", ["contacts", number, "conversations"]:
                found = [one for one in self.tickets if one.fields["contact_id"] == int(number)]
                return Reply(200, {"payload": [self._shown(one) for one in found]})
            case "POST", ["conversations"]:
                return self._open(request.json())
            case method, ["conversations", number, *rest] if ticket := self.ticket(number):
                return self._of(ticket, method, rest, request)
        return Reply(404, {"error": "Resource could not be found"})

    def _search(self, asked: str) -> Reply:
        if not asked:
            return Reply(422, {"error": "Specify search string with parameter q"})
        found = [one for one in self.contacts if asked in one["identifier"] or asked in one["name"]]
        return Reply(200, {"meta": {"count": len(found)}, "payload": found})

    def _make_contact(self, data: dict[str, Any]) -> Reply:
        if set(data) - {"identifier", "name", "custom_attributes"} or not data.get("name"):
            return Reply(422, {"message": "unknown or missing attributes"})
        if any(one["identifier"] == data["identifier"] for one in self.contacts):
            return Reply(422, {"message": "Identifier has already been taken", "attributes": ["identifier"]})
        contact = data | {"id": len(self.contacts) + 60}
        self.contacts.append(contact)
        return Reply(
            200, {"payload": {"contact": contact, "contact_inbox": {"inbox": None, "source_id": None}}}
        )

    def _open(self, data: dict[str, Any]) -> Reply:
        known = {one["id"] for one in self.contacts}
        if data.get("contact_id") not in known or data.get("inbox_id") != INBOX or not data.get("source_id"):
            return Reply(404, {"error": "Resource could not be found"})
        if data.get("status") not in STATUSES or (wrong := self._wrong(data["message"])):
            return Reply(422, {"error": wrong if data.get("status") in STATUSES else "status"})
        case_id = data.get("custom_attributes", {}).get("holdfast_case_id", "")
        ticket = Ticket(str(len(self.tickets) + 1), case_id, "pending" if self.has_bot else data["status"])
        ticket.fields = {"contact_id": data["contact_id"], "inbox_id": INBOX, "priority": None}
        ticket.fields |= {"team_id": data.get("team_id"), "assignee_id": data.get("assignee_id")}
        ticket.fields |= {"source_id": data["source_id"], "custom_attributes": data["custom_attributes"]}
        self.tickets.append(ticket)
        self.messages[ticket.id] = []
        self._message(ticket, data["message"])
        return Reply(200, self._shown(ticket))

    def _of(self, ticket: Ticket, method: str, rest: list[str], request: Request) -> Reply:
        if method == "GET":
            if rest == ["messages"]:
                before = int(request.query.get("before", [str(10**9)])[0])
                earlier = [one for one in self.messages[ticket.id] if one["id"] < before]
                return Reply(200, {"meta": {}, "payload": earlier[-PAGE:]})
            return Reply(200, self._shown(ticket)) if not rest else Reply(404)
        data = request.json()
        match rest:
            case ["messages"]:
                wrong = self._wrong(data)
                return Reply(422, {"error": wrong}) if wrong else Reply(200, self._message(ticket, data))
            case ["toggle_status"]:
                return self._toggle(ticket, data)
            case ["toggle_priority"] if data.get("priority") in PRIORITIES:
                ticket.fields["priority"] = data["priority"]
                return Reply(200)
            case ["assignments"] if "assignee_id" in data:
                ticket.fields["assignee_id"] = data["assignee_id"]
                return Reply(200, {"id": data["assignee_id"]} if data["assignee_id"] else None)
        return Reply(422, {"error": "parameters"})

    def _toggle(self, ticket: Ticket, data: dict[str, Any]) -> Reply:
        if data.get("status") not in STATUSES:  # Chatwoot would flip it, which is never what is wanted
            return Reply(422, {"error": "status"})
        ticket.status = data["status"]
        if ticket.status == "open" and self.opens_as_agent:
            ticket.fields["assignee_id"] = API_USER
        shown = {"success": True, "current_status": ticket.status, "conversation_id": int(ticket.id)}
        return Reply(200, {"meta": {}, "payload": shown})

    def _message(self, ticket: Ticket, data: dict[str, Any]) -> dict[str, Any]:
        message = data | {"id": sum(map(len, self.messages.values())) + 1}
        self.messages[ticket.id].append(message)
        marker = data.get("content_attributes", {}).get("holdfast_event", "")
        ticket.comments.append(Comment(data["content"], not data["private"], marker, data["message_type"]))
        return message

    def agent_writes(self, ticket: Ticket, text: str) -> None:
        """Let an agent of the desk write to the customer."""
        self._message(ticket, {"content": text, "private": False, "message_type": "outgoing"})

    def _wrong(self, data: dict[str, Any]) -> str:
        if set(data) - {"content", "message_type", "private", "content_attributes", "source_id"}:
            return "unknown attributes"
        if data.get("message_type") not in ("incoming", "outgoing") or not isinstance(
            data.get("private"), bool
        ):
            return "message_type"
        if data["message_type"] == "incoming" and self.channel != "Channel::Api":
            return "Incoming messages are only allowed in Api inboxes"
        return "" if 0 < len(data.get("content", "").strip()) <= 150_000 else "content"

    def _shown(self, ticket: Ticket) -> dict[str, Any]:
        assignee = ticket.fields["assignee_id"]
        meta = {"assignee": {"id": assignee, "name": f"user {assignee}"}} if assignee else {}
        shown = {name: ticket.fields[name] for name in ("inbox_id", "priority", "custom_attributes")}
        return shown | {"id": int(ticket.id), "status": ticket.status, "meta": meta}

    def says(self, told: Told, at: datetime, *, secret: str = "") -> tuple[dict[str, str], bytes]:
        attributes = {"holdfast_case_id": str(told.case_id)} if told.case_id else {}
        number = int(sha256(told.delivery_id.encode()).hexdigest()[:8], 16)
        conversation: dict[str, Any] = {
            "id": told.external_id,
            "inbox_id": INBOX,
            "custom_attributes": attributes,
        }
        posted: dict[str, Any]
        if told.kind in ("reply", "note"):
            posted = {
                "event": "message_created",
                "id": number,
                "content": told.text,
                "message_type": "outgoing",
            }
            posted |= {"private": told.kind == "note", "created_at": at.isoformat(), "inbox": {"id": INBOX}}
            posted |= {"sender": {"id": 1, "name": told.author, "type": "user"}, "conversation": conversation}
            posted |= {"content_attributes": {"holdfast_event": "x"} if told.echo else {}, "source_id": None}
        else:
            name = "conversation_status_changed" if told.kind == "status" else "conversation_updated"
            posted = conversation | {"event": name, "status": SAID[told.status], "updated_at": at.timestamp()}
            posted |= {"meta": {"assignee": {"id": 1, "name": told.author}}}
            posted |= {"changed_attributes": [{"assignee_id": {"previous_value": None, "current_value": 1}}]}
        body = json.dumps(posted).encode()
        return self.sign(body, at, delivery_id=told.delivery_id, secret=secret), body

    def sign(
        self, body: bytes, at: datetime, *, delivery_id: str = "delivery-1", secret: str = ""
    ) -> dict[str, str]:
        timestamp = str(int(at.timestamp()))
        key = (secret or self.secrets["signing"][0]).encode()
        signature = hmac.digest(key, timestamp.encode() + b"." + body, "sha256").hex()
        headers = {"x-chatwoot-signature": f"sha256={signature}", "x-chatwoot-timestamp": timestamp}
        return headers | {"x-chatwoot-delivery": delivery_id}
