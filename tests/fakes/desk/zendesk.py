"""Zendesk as its API reference describes it, and stricter: what Zendesk ignores without a word is refused here."""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from handoff.connectors.port import Desk
from tests.fakes.desk.base import Comment, FakeDesk, Reply, Request, Ticket, Told

AGENT_ID = 8447388090494
COLLEAGUE = 900001
TICKET_KEYS = {
    "subject", "comment", "requester", "external_id", "tags", "metadata", "priority", "group_id", "status",
    "assignee_id", "safe_update", "updated_stamp",
}  # fmt: skip
STATUSES = {"new", "open", "pending", "hold", "solved"}  # closed is for Zendesk alone
PRIORITIES = {"low", "normal", "high", "urgent"}
SAID = {"open": "NEW", "in_progress": "OPEN", "waiting_customer": "PENDING", "closed": "SOLVED"}
BEGINNING = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class FakeZendesk(FakeDesk):
    """``meddling``: so many of the next updates find that an agent has saved just before them."""

    secrets = {"api_token": ("zendesk-api-token-1",), "signing": ("zendesk-signing-secret-1",)}
    email = "holdfast@example.com"
    updates_a_ticket_takes = 30

    def __init__(self) -> None:
        super().__init__()
        self.meddling = 0
        self.keys: dict[str, tuple[bytes, Reply]] = {}
        self._clock = 0

    def desk(self, **changes: Any) -> Desk:
        options = {"email": self.email, "agent_id": AGENT_ID, "group_id": 17, "tags": ["vip"]}
        given = {
            "slug": "zen",
            "domain": "demo",
            "url": self.url,
            "options": options,
            "secrets": self.secrets,
        }
        return Desk(**given | changes)

    def serve(self, request: Request) -> Reply:
        reply = self._serve(request)
        limits = {"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "612"}
        return Reply(reply.status, reply.content, limits | dict(reply.headers))

    def _serve(self, request: Request) -> Reply:
        known = self._is_known(request)
        if request.path == "/api/v2/users/me":
            return Reply(
                200,
                {
                    "user": {
                        "id": AGENT_ID if known else None,
                        "name": "Holdfast" if known else "Anonymous user",
                    }
                },
            )
        if not known:
            return Reply(401, {"error": "Couldn't authenticate you"})
        if request.method != "GET" and request.headers.get("content-type") != "application/json":
            return Reply(415, {"error": "Content-Type must be application/json"})
        match request.method, request.path.strip("/").split("/")[2:]:
            case "POST", ["tickets"]:
                return self._once(request)
            case "GET", ["tickets"]:
                found = [one for one in self.tickets if [one.case_id] == request.query.get("external_id")]
                return Reply(200, {"tickets": [self._shown(one) for one in found], "count": len(found)})
            case method, ["tickets", ticket_id, *rest] if ticket := self.ticket(ticket_id):
                return self._of(ticket, method, rest, request)
        return Reply(404, {"error": "RecordNotFound"})

    def _is_known(self, request: Request) -> bool:
        login = f"{self.email}/token:{self.secrets['api_token'][0]}"
        return request.headers.get("authorization") == "Basic " + base64.b64encode(login.encode()).decode()

    def _once(self, request: Request) -> Reply:
        key = request.headers.get("idempotency-key", "")
        if key in self.keys:
            body, reply = self.keys[key]
            if body != request.body:
                return Reply(400, {"error": "IdempotentRequestError"})
            return Reply(reply.status, reply.content, {"X-Idempotency-Lookup": "hit"})
        reply = self._create(request.json()["ticket"])
        if key and reply.status == 201:
            self.keys[key] = (request.body, reply)
        return reply

    def _create(self, data: dict[str, Any]) -> Reply:
        requester = data.get("requester", {})
        wrong = (
            self._wrong(data)
            or (not data.get("subject") and "subject")
            or (not requester.get("name") and "requester")
        )
        if wrong or not data.get("comment"):
            return Reply(422, {"error": "RecordInvalid", "details": wrong or "comment"})
        facts = {
            "subject": data["subject"],
            "requester_id": 5000 + len(self.tickets),
            "tags": data.get("tags", []),
        }
        facts |= {
            "priority": data.get("priority"),
            "assignee_id": None,
            "group_id": data.get("group_id"),
            "updates": 0,
        }
        ticket = Ticket(
            str(len(self.tickets) + 100), data["external_id"], "new", fields=facts | {"requester": requester}
        )
        self.tickets.append(ticket)
        self._comment(ticket, data)
        return Reply(201, {"ticket": self._shown(ticket)}, {"X-Idempotency-Lookup": "miss"})

    def _of(self, ticket: Ticket, method: str, rest: list[str], request: Request) -> Reply:
        if (method, rest) == ("GET", []):
            return Reply(200, {"ticket": self._shown(ticket)})
        if (method, rest) == ("GET", ["comments"]):
            order = -1 if request.query.get("sort_order") == ["desc"] else 1
            shown = [
                {
                    "id": number,
                    "body": one.text,
                    "public": one.public,
                    "metadata": {"custom": {"holdfast_event": one.marker}},
                }
                for number, one in enumerate(ticket.comments)
            ]
            return Reply(200, {"comments": shown[::order][:100]})
        if (method, rest) == ("PUT", []):
            return self._update(ticket, request.json()["ticket"])
        return Reply(404, {"error": "InvalidEndpoint"})

    def _update(self, ticket: Ticket, data: dict[str, Any]) -> Reply:
        if ticket.fields["updates"] >= self.updates_a_ticket_takes:
            return Reply(429, {"error": "TooManyUpdates"}, {"Retry-After": "200"})
        if self.meddling:
            self.meddling -= 1
            self.agent_saves(ticket, "meanwhile, an agent")
        if ticket.status == "closed":
            return Reply(422, {"error": "RecordInvalid", "details": "Status: closed prevents ticket update"})
        if data.get("safe_update") is not True or data.get("updated_stamp") != ticket.fields["updated_at"]:
            return Reply(409, {"error": "UpdateConflict"})
        if wrong := self._wrong(data):
            return Reply(422, {"error": "RecordInvalid", "details": wrong})
        assignee = data.get("assignee_id", ticket.fields["assignee_id"])
        if data.get("status") == "solved" and not assignee:
            return Reply(
                422, {"error": "RecordInvalid", "details": "Assignee: is required when solving a ticket"}
            )
        ticket.status = data.get("status", ticket.status)
        ticket.fields |= {
            "assignee_id": assignee,
            "priority": data.get("priority", ticket.fields["priority"]),
        }
        ticket.fields["updates"] += 1
        self._comment(ticket, data)
        return Reply(200, {"ticket": self._shown(ticket)})

    def agent_saves(self, ticket: Ticket, text: str, *, status: str = "") -> None:
        """Let an agent of the desk add a comment and perhaps set the status."""
        ticket.status = status or ticket.status
        self._comment(ticket, {"comment": {"body": text, "public": True}})

    def _comment(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        self._clock += 1
        ticket.fields["updated_at"] = (
            (BEGINNING + timedelta(seconds=self._clock)).isoformat().replace("+00:00", "Z")
        )
        if comment := data.get("comment"):
            author = str(comment.get("author_id", AGENT_ID))
            marker = data.get("metadata", {}).get("holdfast_event", "")
            ticket.comments.append(Comment(comment["body"], comment["public"], marker, author))

    def _wrong(self, data: dict[str, Any]) -> str:
        if unknown := set(data) - TICKET_KEYS:
            return f"unknown {sorted(unknown)}"
        if data.get("status", "open") not in STATUSES or data.get("priority", "low") not in PRIORITIES:
            return "status or priority"
        comment = data.get("comment")
        if comment is None:
            return ""
        if not isinstance(comment.get("public"), bool) or not comment.get("body", "").strip():
            return "comment"
        return ""

    def _shown(self, ticket: Ticket) -> dict[str, Any]:
        return ticket.fields | {"id": int(ticket.id), "external_id": ticket.case_id, "status": ticket.status}

    def says(self, told: Told, at: datetime, *, secret: str = "") -> tuple[dict[str, str], bytes]:
        actor = AGENT_ID if told.echo else COLLEAGUE
        author = {"id": str(actor), "is_staff": True, "name": told.author}
        event: dict[str, Any]
        match told.kind:
            case "status":
                kind, event = "status_changed", {"previous": "HOLD", "current": SAID[told.status]}
            case "assigned":
                kind, event = "agent_assignment_changed", {"previous": "0", "current": str(told.author)}
            case _:
                comment = {
                    "id": "4966",
                    "body": told.text,
                    "is_public": told.kind == "reply",
                    "author": author,
                }
                kind, event = "comment_added", {"comment": comment}
        detail = {"id": told.external_id, "external_id": str(told.case_id or ""), "actor_id": str(actor)}
        posted = {"type": f"zen:event-type:ticket.{kind}", "id": told.delivery_id, "time": at.isoformat()}
        posted |= {"account_id": 1, "subject": "zen:ticket", "zendesk_event_version": "2022-06-20"}
        body = json.dumps(posted | {"detail": detail, "event": event}).encode()
        return self.sign(body, at, secret=secret), body

    def sign(
        self, body: bytes, at: datetime, *, delivery_id: str = "delivery-1", secret: str = ""
    ) -> dict[str, str]:
        timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        key = (secret or self.secrets["signing"][0]).encode()
        signature = base64.b64encode(hmac.digest(key, timestamp.encode() + body, "sha256")).decode()
        return {"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": timestamp}
