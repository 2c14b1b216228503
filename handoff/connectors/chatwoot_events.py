"""What Chatwoot posts to us.

A webhook of the account (Settings, Integrations, Webhooks) for ``message_created``, ``conversation_status_changed`` and
``conversation_updated``; the API inbox's own callback address stays empty
(https://www.chatwoot.com/docs/product/others/webhook-events). What is read of them::

    {"event": "message_created", "id": 4, "content": "...", "message_type": "outgoing", "private": false,
     "created_at": "2026-11-21T10:00:00.000Z", "sender": {"id": 1, "name": "Ana"}, "inbox": {"id": 3},
     "content_attributes": {}, "source_id": null, "attachments": [{"data_url": "https://..."}],
     "conversation": {"id": 7, "custom_attributes": {"holdfast_case_id": "<case id>"}}}
    {"event": "conversation_status_changed", "id": 7, "status": "resolved", "inbox_id": 3, "updated_at": 1795255200.1,
     "meta": {"assignee": {"id": 1, "name": "Ana"}}, "custom_attributes": {"holdfast_case_id": "<case id>"}}
    {"event": "conversation_updated", ..., "changed_attributes": [{"assignee_id": {"current_value": 1}}]}

``X-Chatwoot-Signature: sha256=<hex>`` is HMAC-SHA256 over ``X-Chatwoot-Timestamp`` (Unix seconds), a full stop and the
body. ``X-Chatwoot-Delivery`` is not signed, and new each time; what a post is known by comes from its signed content.

Messages with our mark are our own coming back. The news of a status does not say who set it.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from handoff.connectors import dialect, reading
from handoff.connectors.port import Desk, DeskStatus, Heard, NotAuthentic, Unreadable

CASE = "holdfast_case_id"
MARKER = "holdfast_event"

_SECONDS = re.compile(r"[0-9]{1,12}")


def verify(desk: Desk, headers: Mapping[str, str], body: bytes, now: datetime) -> datetime:
    """Return the signed time of a post. Raises NotAuthentic unless it was signed in the last five minutes."""
    given, timestamp = headers.get("x-chatwoot-signature", ""), headers.get("x-chatwoot-timestamp", "")
    if not given or not timestamp:
        raise NotAuthentic("signature_missing")
    signed = timestamp.encode("utf-8", "replace") + b"." + body
    keys = [secret.encode() for secret in desk.secrets.get("signing", ()) if secret]
    dialect.prove(given, ["sha256=" + hmac.digest(key, signed, "sha256").hex() for key in keys])
    if not _SECONDS.fullmatch(timestamp):
        raise NotAuthentic("signature_wrong")
    dialect.fresh(int(timestamp), now)
    return datetime.fromtimestamp(int(timestamp), UTC)


def heard(desk: Desk, posted: Mapping[str, Any], signed_at: datetime) -> Heard:
    """Return what a verified event tells. Raises Unreadable."""
    event = reading.text(posted, "event", required=True)
    if event == "message_created":
        return _message(desk, posted, signed_at)
    conversation_id = reading.identifier(posted.get("id"))
    if event not in ("conversation_status_changed", "conversation_updated") or not _is_here(desk, posted):
        name = reading.name_of(event)[:40]
        return Heard(
            f"{name}:{conversation_id}:{signed_at.isoformat()}", "ignored", conversation_id, at=signed_at
        )
    at = _moment(posted.get("updated_at") or posted.get("timestamp"), "updated_at", signed_at)
    told = Heard("", "ignored", _needed(conversation_id, "id"), _case_id(posted), at=at)
    if event == "conversation_updated":
        return _assigned(told, posted, at)
    status = _status(posted)
    delivery_id = (
        f"status:{conversation_id}:{reading.name_of(str(posted.get('status')))[:20]}:{at.isoformat()}"
    )
    if status is None:
        return replace(told, delivery_id=delivery_id)
    return replace(told, delivery_id=delivery_id, kind="status", status=status, author=_assignee(posted))


def is_marked(message: Mapping[str, Any], event_id: str = "") -> bool:
    """Tell whether a message is ours; with ``event_id``, whether it is that one."""
    attributes = message.get("content_attributes")
    mark = attributes.get(MARKER) if isinstance(attributes, dict) else None
    source = message.get("source_id")
    if event_id:
        return mark == event_id or source == f"holdfast:{event_id}"
    return mark is not None or (isinstance(source, str) and source.startswith("holdfast:"))


def _message(desk: Desk, posted: Mapping[str, Any], signed_at: datetime) -> Heard:
    conversation = reading.part(posted, "conversation")
    message_id = _needed(reading.identifier(posted.get("id")), "id")
    told = Heard(
        f"message:{message_id}",
        "ignored",
        _needed(reading.identifier(conversation.get("id")), "conversation.id"),
        _case_id(conversation),
        at=_moment(posted.get("created_at"), "created_at", signed_at),
    )
    kind = _message_type(posted.get("message_type"))
    if is_marked(posted) or kind not in ("incoming", "outgoing") or not _is_here(desk, posted):
        return told
    text = _text(posted)
    sender = posted.get("sender")
    # What a customer writes to the inbox by another way is no agent's answer; a note keeps it in sight.
    answers = kind == "outgoing" and posted.get("private") is False and text
    return replace(
        told,
        kind="reply" if answers else "note",
        text=text or dialect.NO_TEXT,
        author=_name(sender.get("name")) if isinstance(sender, dict) else "",
    )


def _assigned(told: Heard, posted: Mapping[str, Any], at: datetime) -> Heard:
    told = replace(told, delivery_id=f"updated:{told.external_id}:{at.isoformat()}")
    changes = posted.get("changed_attributes")
    changed = [one for one in changes if isinstance(one, dict)] if isinstance(changes, list) else []
    who = _assignee(posted)
    if who and any("assignee_id" in one for one in changed):
        return replace(told, kind="assigned", author=who)
    return told


def _status(posted: Mapping[str, Any]) -> DeskStatus | None:
    """Return the status in Holdfast's words; None for pending, with which the desk gives it to its bot."""
    match posted.get("status"):
        case "open":
            return "in_progress" if _assignee(posted) else "open"
        case "snoozed":
            return "waiting_customer"
        case "resolved":
            return "closed"
    return None


def _message_type(value: Any) -> Any:
    """Return the type by name: it is given as a name or a number by the version."""
    return {0: "incoming", 1: "outgoing"}.get(value, "") if isinstance(value, int) else value


def _text(posted: Mapping[str, Any]) -> str:
    text = reading.text(posted, "content")
    attachments = posted.get("attachments")
    files = (
        [one.get("data_url") for one in attachments if isinstance(one, dict)]
        if isinstance(attachments, list)
        else []
    )
    links = [reading.storable(one) for one in files if isinstance(one, str)]
    return (
        "\n".join([text, *links])
        if links and text.strip()
        else "\n".join(links) or (text if text.strip() else "")
    )


def _is_here(desk: Desk, posted: Mapping[str, Any]) -> bool:
    """Tell whether it happened in our inbox: a webhook of the account tells of all."""
    inbox = posted.get("inbox")
    told = inbox.get("id") if isinstance(inbox, dict) else posted.get("inbox_id")
    return told is None or reading.identifier(told) == reading.identifier(desk.options.get("inbox_id"))


def _assignee(posted: Mapping[str, Any]) -> str:
    meta = posted.get("meta")
    assignee = meta.get("assignee") if isinstance(meta, dict) else None
    return _name(assignee.get("name")) if isinstance(assignee, dict) else ""


def _name(value: Any) -> str:
    return reading.name_of(reading.storable(value)) if isinstance(value, str) else ""


def _moment(value: Any, path: str, otherwise: datetime) -> datetime:
    """Return a time that is given in Unix seconds or in ISO 8601 by the kind of event."""
    if value is None or isinstance(value, bool):
        return otherwise
    if isinstance(value, int | float):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            raise Unreadable(path, "must be a time") from None
    return reading.moment(value, path)


def _needed(value: str, path: str) -> str:
    if not value:
        raise Unreadable(path, "must be an id")
    return value


def _case_id(conversation: Mapping[str, Any]) -> UUID | None:
    attributes = conversation.get("custom_attributes")
    try:
        return reading.case_id(attributes.get(CASE) if isinstance(attributes, dict) else None, CASE)
    except Unreadable:
        return None
