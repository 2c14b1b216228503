"""What Zendesk posts to us.

Inbound (https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/): a webhook that is
subscribed to the ticket events ``comment_added``, ``status_changed`` and ``agent_assignment_changed``. Not a
trigger: a trigger's body is a text template, in which a quotation mark in an agent's answer makes the JSON
unreadable. What is read of them::

    {"type": "zen:event-type:ticket.comment_added", "id": "01J...", "time": "2026-11-21T10:00:00Z",
     "detail": {"id": "35436", "external_id": "<case id>", "status": "OPEN", "actor_id": "8447388090494"},
     "event": {"comment": {"id": "4966", "body": "...", "is_public": true,
                           "author": {"id": "8447388090494", "is_staff": true, "name": "Ana"}}}}
    "event": {"previous": "OPEN", "current": "SOLVED"}            (status_changed)
    "event": {"previous": "1", "current": "8447388090494"}        (agent_assignment_changed)

The signature is base64 of HMAC-SHA256 over ``X-Zendesk-Webhook-Signature-Timestamp`` and the body
(https://developer.zendesk.com/documentation/webhooks/verifying/). What ``agent_id`` did is our own doing; without
that option nothing is read, since our comments would come back as agents' answers for ever.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from handoff.connectors import dialect, reading
from handoff.connectors.port import Desk, DeskStatus, Heard, NotAuthentic, Unreadable

EVENT = "zen:event-type:ticket."
HEARD: dict[str, DeskStatus] = {
    "new": "open",
    "open": "in_progress",
    "pending": "waiting_customer",
    "hold": "in_progress",
    "solved": "closed",
    "closed": "closed",
}


def verify(desk: Desk, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Refuse what was not signed with one of the secrets in the last five minutes. Raises NotAuthentic."""
    given = headers.get("x-zendesk-webhook-signature", "")
    timestamp = headers.get("x-zendesk-webhook-signature-timestamp", "")
    if not given or not timestamp:
        raise NotAuthentic("signature_missing")
    signed = timestamp.encode("utf-8", "replace") + body
    keys = [secret.encode() for secret in desk.secrets.get("signing", ()) if secret]
    dialect.prove(given, [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys])
    try:
        dialect.fresh(reading.moment(timestamp, "timestamp").timestamp(), now)
    except Unreadable:
        raise NotAuthentic("signature_wrong") from None


def heard(desk: Desk, posted: Mapping[str, Any]) -> Heard:
    """Return what a verified event tells. Raises Unreadable."""
    ours = reading.identifier(desk.options.get("agent_id"))
    if not ours:
        raise Unreadable(
            "agent_id", "is not set in this endpoint's options; the test button tells which it is"
        )
    detail = reading.part(posted, "detail")
    delivery_id = reading.identifier(posted.get("id"))
    ticket_id = reading.identifier(detail.get("id"))
    if not delivery_id or not ticket_id:
        raise Unreadable("id" if not delivery_id else "detail.id", "must be an id")
    told = Heard(
        delivery_id,
        "ignored",
        external_id=ticket_id,
        case_id=_case_id(detail.get("external_id")),
        at=reading.moment(posted.get("time"), "time"),
    )
    kind = reading.text(posted, "type", required=True)
    if reading.identifier(detail.get("actor_id")) == ours or not kind.startswith(EVENT):
        return told
    match kind.removeprefix(EVENT):
        case "comment_added":
            return _comment(told, reading.part(reading.part(posted, "event"), "comment"), ours)
        case "status_changed":
            current = reading.text(reading.part(posted, "event"), "current", path="event.").lower()
            status = HEARD.get(current)
            return replace(told, kind="status", status=status) if status else told
        case "agent_assignment_changed":
            who = reading.identifier(reading.part(posted, "event").get("current"))
            return replace(told, kind="assigned", author=who) if who.strip("0") else told
    return told


def _comment(told: Heard, comment: Mapping[str, Any], ours: str) -> Heard:
    author = comment.get("author")
    author = author if isinstance(author, dict) else {}
    if reading.identifier(author.get("id")) == ours:
        return told
    text = reading.text(comment, "body", path="event.comment.")
    # What a customer writes straight to Zendesk is no agent's answer; a note keeps it in sight.
    answers = author.get("is_staff") is True and comment.get("is_public") is True and text.strip()
    return replace(
        told,
        kind="reply" if answers else "note",
        text=text if text.strip() else dialect.NO_TEXT,
        author=reading.name_of(reading.text(author, "name", path="event.comment.author.")),
    )


def _case_id(value: Any) -> UUID | None:
    """Return the case, where the ticket is one of ours."""
    try:
        return reading.case_id(value, "detail.external_id")
    except Unreadable:
        return None
