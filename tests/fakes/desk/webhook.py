"""A receiver of signed webhooks: verifies with the specification's own library, keeps one entry per ``webhook-id``."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from handoff.connectors.port import Desk
from tests.fakes.desk.base import Comment, FakeDesk, Reply, Request, Ticket, Told

SECRET = "whsec_" + "bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldw=="
OLD_SECRET = "whsec_" + "b2xkLXNlY3JldC1vbGQtc2VjcmV0LW9sZA=="

TYPES = {"reply": "case.reply", "note": "case.note", "status": "case.status", "assigned": "case.assigned"}


class FakeWebhookDesk(FakeDesk):
    """Answers creates with an id of its own unless ``gives_ids`` is off."""

    secrets = {"signing": (SECRET,)}
    verifies_with = SECRET
    signs_id = True
    gives_ids = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Reply] = {}

    def desk(self, **changes: Any) -> Desk:
        given = {"slug": "hook", "domain": "demo", "url": f"{self.url}/events", "secrets": self.secrets}
        return Desk(**given | changes)

    def serve(self, request: Request) -> Reply:
        try:
            event = Webhook(self.verifies_with).verify(request.body, dict(request.headers))
        except (WebhookVerificationError, ValueError) as error:
            return Reply(401, {"error": str(error)})
        delivery = request.headers["webhook-id"]
        if delivery not in self.seen:
            self.seen[delivery] = self._apply(event, delivery)
        return self.seen[delivery]

    def _apply(self, event: dict[str, Any], delivery: str) -> Reply:
        data = event["data"]
        if event["type"] == "ping":
            return Reply(200, {"ok": True})
        if event["type"] == "handoff.requested":
            ticket = Ticket(id=f"T-{len(self.tickets) + 1}", case_id=data["case_id"], fields=event)
            self.tickets.append(ticket)
            return Reply(
                201,
                {"external_id": ticket.id, "url": f"{self.url}/tickets/{ticket.id}"}
                if self.gives_ids
                else {},
            )
        ticket = next((found for found in self.tickets if found.case_id == data["case_id"]), None)
        if ticket is None:
            return Reply(404, {"error": "no such case"})
        if event["type"] == "case.status":
            ticket.status = data["status"]
        else:
            public = event["type"] != "case.note"
            ticket.comments.append(Comment(data["text"], public, delivery, data.get("author", "")))
        return Reply(200, {})

    def says(self, told: Told, at: datetime, *, secret: str = "") -> tuple[dict[str, str], bytes]:
        data: dict[str, Any] = {"text": told.text, "author": told.author, "status": told.status}
        data |= {"case_id": str(told.case_id)} if told.case_id else {}
        data |= {"external_id": told.external_id} if told.external_id else {}
        posted = {"type": TYPES[told.kind], "timestamp": at.astimezone(UTC).isoformat(), "data": data}
        if told.echo:
            posted |= {"source": "holdfast"}
        body = json.dumps(posted).encode()
        return self.sign(body, at, delivery_id=told.delivery_id, secret=secret), body

    def sign(
        self, body: bytes, at: datetime, *, delivery_id: str = "delivery-1", secret: str = ""
    ) -> dict[str, str]:
        return standard_headers(body, delivery_id, at, secret or self.verifies_with)


def standard_headers(body: bytes, message_id: str, at: datetime, secret: str) -> dict[str, str]:
    """Return the headers of a sender that follows Standard Webhooks; independent of the code under test.

    The specification's library signs only text, so bytes that are not UTF-8 are signed by hand.
    """
    utc = at.astimezone(UTC)
    timestamp = str(int(utc.timestamp()))
    try:
        signature = Webhook(secret).sign(message_id, utc, body.decode())
    except UnicodeDecodeError:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
