"""The signed webhook: any receiver that speaks Standard Webhooks 1.0.

We post ``{"type", "timestamp", "data", "source": "holdfast"}``. ``webhook-id`` is the event's id over all retries,
which is the receiver's key against duplicates; the body is the same bytes every time; only the timestamp header and
with it the signature are new. The receiver answers 2xx once it has the event. Its answer to ``handoff.requested``
may be ``{"external_id": "...", "url": "..."}`` (or ``id``); without one the case's own id serves as the ticket's.

The receiver posts back, signed the same way with the same secret::

    {"type": "case.reply" | "case.note" | "case.status" | "case.assigned",
     "timestamp": "2026-11-21T10:00:00Z",
     "data": {"case_id": "...", "external_id": "...", "text": "...", "author": "...", "status": "..."}}

``case_id`` or ``external_id`` names the case; ``text`` belongs to replies and notes, ``status`` (open, in_progress,
waiting_customer, closed) to case.status, ``author`` is who did it, for case.assigned who has the case now. A body
that carries ``"source": "holdfast"`` is our own coming back and changes nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, get_args
from uuid import UUID, uuid4

from handoff.connectors import judge, reading
from handoff.connectors.port import (
    Answer,
    Desk,
    DeskStatus,
    DeskTrouble,
    Heard,
    Kind,
    Message,
    Unreadable,
)
from handoff.connectors.signing import BadSecret, signed_headers, verified_id
from handoff.net.client import Reply
from outbox.outcomes import Delivered, Unavailable
from persistence.jsontext import dumps

SOURCE = "holdfast"
KINDS: dict[str, Kind] = {
    "case.reply": "reply",
    "case.note": "note",
    "case.status": "status",
    "case.assigned": "assigned",
}


class Webhook:
    """See the module."""

    correlates: ClassVar[bool] = False  # webhook-id is the key: a receiver that gets it twice has it once
    options: ClassVar[frozenset[str]] = frozenset()
    secrets: ClassVar[frozenset[str]] = frozenset({"signing"})

    def find(self, desk: Desk, case_id: UUID) -> Answer | None:
        """A receiver cannot be asked; sending again under the same id is safe."""
        return None

    def create(self, desk: Desk, message: Message) -> Answer:
        """Post ``handoff.requested``; the answer's id of it, or the case's own."""
        reply = _post(desk, str(message.event_id), body_of(message))
        found = _answered(reply)
        return Answer(
            Delivered(),
            external_id=reading.identifier(found.get("external_id") or found.get("id"))
            or str(message.case_id),
            external_url=_web_address(found.get("url")),
            status_code=reply.status,
            excerpt=judge.excerpt(reply.body, judge.hidden(desk)),
        )

    def update(self, desk: Desk, message: Message) -> Answer:
        """Post a later event of the case, or of its conversation."""
        reply = _post(desk, str(message.event_id), body_of(message))
        return Answer(
            Delivered(),
            external_id=message.external_id,
            status_code=reply.status,
            excerpt=judge.excerpt(reply.body, judge.hidden(desk)),
        )

    def probe(self, desk: Desk) -> Answer:
        """Post a signed ``ping``, which a receiver answers with 2xx and otherwise ignores."""
        now = datetime.now(UTC)
        reply = _post(desk, f"ping-{uuid4()}", _envelope("ping", now, {}))
        return Answer(
            Delivered(), status_code=reply.status, excerpt=judge.excerpt(reply.body, judge.hidden(desk))
        )

    def receive(self, desk: Desk, headers: Mapping[str, str], body: bytes, now: datetime) -> list[Heard]:
        """Verify the signature over the raw bytes, then read."""
        delivery_id = verified_id(headers, body, desk.secrets.get("signing", ()), now)
        posted = reading.json_object(body)
        if posted.get("source") == SOURCE:
            return [Heard(delivery_id, "ignored")]
        return [_heard(delivery_id, posted)]


def body_of(message: Message) -> bytes:
    """Return the body for an event: the same bytes for every try."""
    return _envelope(message.event_type, message.created_at, message.payload)


def _envelope(event_type: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    timestamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return dumps({"type": event_type, "timestamp": timestamp, "data": dict(data), "source": SOURCE}).encode()


def _post(desk: Desk, message_id: str, body: bytes) -> Reply:
    try:
        signed = signed_headers(message_id, datetime.now(UTC), body, desk.secrets.get("signing", ()))
    except BadSecret:
        raise DeskTrouble(Answer(Unavailable("bad_secret"))) from None
    headers = {"content-type": "application/json"} | signed
    return judge.call(desk, "POST", desk.url, headers=headers, content=body)


def _answered(reply: Reply) -> dict[str, Any]:
    """Return the JSON object of an answer; {} for anything else, since 2xx alone says that the receiver has it."""
    if reply.truncated:
        return {}
    try:
        return reading.json_object(reply.body)
    except Unreadable:
        return {}


def _web_address(value: Any) -> str:
    address = reading.identifier(value)
    return address if address.startswith(("https://", "http://")) else ""


def _heard(delivery_id: str, posted: Mapping[str, Any]) -> Heard:
    kind = KINDS.get(reading.text(posted, "type", required=True))
    if kind is None:
        raise Unreadable("type", f"must be one of {', '.join(KINDS)}")
    data = reading.part(posted, "data")
    external_id = reading.identifier(data.get("external_id"))
    if not external_id and data.get("case_id") is None:
        raise Unreadable("data.case_id", "must name the case, unless data.external_id does")
    return Heard(
        delivery_id=delivery_id,
        kind=kind,
        external_id=external_id,
        case_id=None if data.get("case_id") is None else reading.case_id(data["case_id"], "data.case_id"),
        text=reading.text(data, "text", required=kind in ("reply", "note"), path="data."),
        author=reading.name_of(reading.text(data, "author", path="data.")),
        status=_status(data) if kind == "status" else None,
        at=reading.moment(posted.get("timestamp"), "timestamp"),
    )


def _status(data: Mapping[str, Any]) -> DeskStatus:
    for known in get_args(DeskStatus):
        if data.get("status") == known:
            return known
    raise Unreadable("data.status", f"must be one of {', '.join(get_args(DeskStatus))}")
