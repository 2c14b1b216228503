"""What the desks with agents of their own (Zendesk, Zammad, Chatwoot) have in common."""

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from handoff.connectors import judge, reading
from handoff.connectors.port import Answer, Desk, DeskTrouble, Message, NotAuthentic
from handoff.connectors.render import clean, event_text
from handoff.net.client import Reply
from outbox.outcomes import Dead, Delivered, Failed

WINDOW = 300  # seconds that a signed time may differ from ours, either way
MANY_BYTES = 1024 * 1024  # of a listing: one long ticket must not hide whether our event is there
NO_TEXT = "(A message without text, such as a picture: see it in the help desk.)"

_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def address(desk: Desk, *parts: Any) -> str:
    """Return an address below the desk's own; every part is escaped."""
    return "/".join([desk.url.rstrip("/"), *(quote(str(part), safe="") for part in parts)])


def body(data: Mapping[str, Any]) -> bytes:
    """Return ``data`` as JSON in ASCII."""
    return json.dumps(data).encode()


def spoken(payload: Mapping[str, Any]) -> str:
    """Return the text of ``case.message``. Of others than the customer it says who speaks: all of them come from us."""
    text = clean(payload.get("text"))
    text = text if text.strip() else NO_TEXT
    speaker = payload.get("from")
    if speaker == "customer":
        return text
    role = "Assistant" if speaker == "assistant" else "Agent"
    author = reading.name_of(payload.get("author") or "")
    return f"{author} ({role.lower()}):\n{text}" if author else f"{role}:\n{text}"


def remark(message: Message) -> str:
    """Return what an event says to agents only: a note, or the words that go with a change of status; or ""."""
    if message.event_type == "case.status":
        return clean(message.payload.get("note")).strip() and event_text("case.status", message.payload)
    return event_text("case.note", message.payload) if message.event_type == "case.note" else ""


def mail_of(ref: str | None) -> str:
    """Return a customer's reference where it is a mail address, "" otherwise."""
    return ref if ref and len(ref) <= 254 and _MAIL.fullmatch(ref) else ""


def delivered(desk: Desk, reply: Reply, external_id: str, external_url: str = "") -> Answer:
    """Return the answer for what the desk took."""
    said = judge.excerpt(reply.body, judge.hidden(desk))
    return Answer(Delivered(), external_id, external_url, reply.status, said)


def number(value: Any) -> int | None:
    """Return an option that is an id of the desk as a whole number, None where there is none."""
    text = reading.identifier(value)
    return int(text) if text.isascii() and text.isdigit() else None


def already_there(message: Message) -> Answer:
    """Return the answer for an event that an earlier, unanswered send brought there, or that changes nothing."""
    return Answer(Delivered(), message.external_id, excerpt="The desk has it already; nothing was sent.")


def not_understood(message: Message) -> DeskTrouble:
    """Return the trouble with an event of a type that this release does not know."""
    return DeskTrouble(Answer(Dead("unknown_event_type"), excerpt=f"No desk takes {message.event_type}."))


def looked_up(trouble: DeskTrouble) -> DeskTrouble:
    """Return the trouble of a look-up. A refusal says nothing about the event, which must not die of it."""
    answer = trouble.answer
    if not isinstance(answer.outcome, Dead):
        return trouble
    outcome = Failed(f"lookup_{answer.outcome.code}", after=judge.SHORTEST_WAIT)
    return DeskTrouble(Answer(outcome, status_code=answer.status_code, excerpt=answer.excerpt))


def id_in(found: Any, reply: Reply, desk: Desk) -> str:
    """Return the id in an object that the desk answered. Raises DeskTrouble (unreadable_answer)."""
    external_id = reading.identifier(found.get("id")) if isinstance(found, dict) else ""
    if not external_id:
        raise judge.unreadable(reply, desk=desk)
    return external_id


def list_in(found: Mapping[str, Any], name: str, reply: Reply, desk: Desk) -> list[dict[str, Any]]:
    """Return the objects in a list that the desk answered. Raises DeskTrouble (unreadable_answer)."""
    listed = found.get(name)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise judge.unreadable(reply, desk=desk)
    return listed


def rows(reply: Reply, desk: Desk) -> list[dict[str, Any]]:
    """Return the list of objects that the desk answered. Raises DeskTrouble (unreadable_answer)."""
    try:
        found = None if reply.truncated else json.loads(reply.body)
    except (ValueError, RecursionError):
        raise judge.unreadable(reply, desk=desk) from None
    return list_in({"rows": found}, "rows", reply, desk)


def prove(given: str, expected: Iterable[str]) -> None:
    """Compare a signature with those of every current secret, in constant time. Raises NotAuthentic."""
    offered = given.encode("utf-8", "replace")
    if not any([hmac.compare_digest(offered, one.encode()) for one in expected]):
        raise NotAuthentic("signature_wrong")


def fresh(seconds: float, now: datetime) -> None:
    """Refuse a signed time (Unix seconds) that is more than five minutes from ``now``. Raises NotAuthentic."""
    if abs(now.timestamp() - seconds) > WINDOW:
        raise NotAuthentic("signature_expired")
