"""Chatwoot: a conversation per case, in an inbox of the kind "API".

Outbound (https://developers.chatwoot.com/api-reference/): ``api_access_token`` of a user. Chatwoot has no
idempotency key: each case has a contact whose ``identifier`` is the case's id, and that contact's conversation is
the case's. Both are looked for before either is made, so a create that was cut off anywhere goes on where it
stopped. The conversation, its first message (private: it is for agents), its team and its assignee are made by one
request, in one transaction there.

*pending* means "a bot has it": a conversation begins *open*, and where an inbox with a bot made it pending in spite
of that, it is opened before the create counts. Opening by an agent's token hands the conversation to that agent;
who had it before gets it back. *snoozed* without a time means "until the customer answers".

Customers' messages are incoming, which only API inboxes allow; all others are outgoing and begin with who speaks.
Each has our event's id in ``content_attributes`` and ``source_id``, which shows after a lost answer whether it is
there.

Inbound: ``chatwoot_events``.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from handoff.connectors import dialect, judge, reading
from handoff.connectors.chatwoot_events import CASE, MARKER, heard, is_marked, verify
from handoff.connectors.port import Answer, Desk, DeskTrouble, Heard, Message
from handoff.connectors.render import handoff_text
from handoff.net.client import Reply
from outbox.outcomes import Dead, Delivered

STATUSES = {
    "open": "open",
    "in_progress": "open",
    "waiting_customer": "snoozed",
    "closed": "resolved",
    "cancelled": "resolved",
}
PRIORITIES = {"low": "low", "normal": "medium", "high": "high", "urgent": "urgent"}
PAGES = 5  # of 20 messages each, that are looked through for one that we may have sent already


class Chatwoot:
    """See the module."""

    correlates: ClassVar[bool] = True
    options: ClassVar[frozenset[str]] = frozenset({"account_id", "inbox_id", "team_id", "assignee_id"})
    secrets: ClassVar[frozenset[str]] = frozenset({"token", "signing"})

    def find(self, desk: Desk, case_id: UUID) -> Answer | None:
        """Look for the case's conversation, and see to it that it is open."""
        contact_id = _contact(desk, case_id)
        return _conversation(desk, contact_id, case_id) if contact_id else None

    def create(self, desk: Desk, message: Message) -> Answer:
        """Make what is missing of contact and conversation."""
        if message.case_id is None:
            raise DeskTrouble(Answer(Dead("no_case")))
        contact_id = _contact(desk, message.case_id)
        if contact_id:
            found = _conversation(desk, contact_id, message.case_id)
            if found:
                return found
        else:
            contact_id = _make_contact(desk, message)
        reply = _call(desk, "POST", _api(desk, "conversations"), _opening(desk, message, contact_id))
        answer = _opened(desk, judge.json_of(reply, desk=desk), reply)
        with suppress(DeskTrouble):  # the case is there; its next change of status sets the priority as well
            _set_priority(desk, answer.external_id, message.payload, {})
        return answer

    def update(self, desk: Desk, message: Message) -> Answer:
        """Add a message, or set status and priority; words that go with a change of status come first."""
        if message.event_type not in ("case.message", "case.note", "case.status"):
            raise dialect.not_understood(message)
        spoken = message.event_type == "case.message"
        text = dialect.spoken(message.payload) if spoken else dialect.remark(message)
        answer = dialect.already_there(message)
        if text and not (message.tries and _has_message(desk, message)):
            incoming = spoken and message.payload.get("from") == "customer"
            entry = _entry(message, text, incoming=incoming, private=not spoken)
            reply = _call(desk, "POST", _api(desk, "conversations", message.external_id, "messages"), entry)
            dialect.id_in(judge.json_of(reply, desk=desk), reply, desk)
            answer = dialect.delivered(desk, reply, message.external_id)
        if message.event_type == "case.status":
            return _put_status(desk, message) or answer
        return answer

    def probe(self, desk: Desk) -> Answer:
        """Read the inbox: it must be of the kind "API"."""
        reply = _call(desk, "GET", _api(desk, "inboxes", desk.options.get("inbox_id", "")))
        inbox = judge.json_of(reply, desk=desk)
        if inbox.get("channel_type") != "Channel::Api":
            said = 'The option inbox_id must name an inbox of the kind "API": others take no messages of customers.'
            raise DeskTrouble(Answer(Dead("wrong_inbox"), status_code=reply.status, excerpt=said))
        name = reading.name_of(str(inbox.get("name", "")))
        return Answer(Delivered(), status_code=reply.status, excerpt=f"Found the inbox {name}.")

    def receive(self, desk: Desk, headers: Mapping[str, str], body: bytes, now: datetime) -> list[Heard]:
        """Verify, then read one event."""
        at = verify(desk, headers, body, now)
        return [heard(desk, reading.json_object(body), at)]


def _contact(desk: Desk, case_id: UUID) -> str:
    """Return the id of the case's contact, "" where there is none. The search finds parts of names too."""
    url = _api(desk, "contacts", "search") + "?" + urlencode({"q": case_id})
    try:
        reply = _call(desk, "GET", url)
    except DeskTrouble as trouble:
        raise dialect.looked_up(trouble) from None
    found = dialect.list_in(judge.json_of(reply, desk=desk), "payload", reply, desk)
    for contact in found:
        if contact.get("identifier") == str(case_id):
            return dialect.id_in(contact, reply, desk)
    return ""


def _make_contact(desk: Desk, message: Message) -> str:
    # No mail address: it is unique in a Chatwoot account, and the customer's next case would be refused for it.
    ref = (message.payload.get("customer") or {}).get("ref") or ""
    contact = {
        "identifier": str(message.case_id),
        "name": reading.name_of(ref) or "Customer",
        "custom_attributes": {"holdfast_customer": reading.name_of(ref)},
    }
    reply = _call(desk, "POST", _api(desk, "contacts"), contact)
    made = judge.json_of(reply, desk=desk).get("payload")
    return dialect.id_in(made.get("contact") if isinstance(made, dict) else None, reply, desk)


def _conversation(desk: Desk, contact_id: str, case_id: UUID) -> Answer | None:
    try:
        reply = _call(desk, "GET", _api(desk, "contacts", contact_id, "conversations"))
    except DeskTrouble as trouble:
        raise dialect.looked_up(trouble) from None
    for found in dialect.list_in(judge.json_of(reply, desk=desk), "payload", reply, desk):
        attributes = found.get("custom_attributes")
        if isinstance(attributes, dict) and attributes.get(CASE) == str(case_id):
            return _opened(desk, found, reply)
    return None


def _opening(desk: Desk, message: Message, contact_id: str) -> dict[str, Any]:
    opening: dict[str, Any] = {
        "source_id": str(message.case_id),
        "inbox_id": dialect.number(desk.options.get("inbox_id")),
        "contact_id": dialect.number(contact_id),
        "status": "open",
        "custom_attributes": {CASE: str(message.case_id)},
        "message": _entry(message, handoff_text(message.payload), incoming=False, private=True),
    }
    for name in ("team_id", "assignee_id"):
        if (wanted := dialect.number(desk.options.get(name))) is not None:
            opening[name] = wanted
    return opening


def _opened(desk: Desk, conversation: Mapping[str, Any], reply: Reply) -> Answer:
    """Return the answer for a conversation, after taking it from the bot if one has it."""
    external_id = dialect.id_in(conversation, reply, desk)
    if conversation.get("status") == "pending":
        _set_status(desk, external_id, "open", conversation)
    page = dialect.address(
        desk, "app", "accounts", desk.options.get("account_id", ""), "conversations", external_id
    )
    return dialect.delivered(desk, reply, external_id, page)


def _entry(message: Message, text: str, *, incoming: bool, private: bool) -> dict[str, Any]:
    return {
        "content": text,
        "message_type": "incoming" if incoming else "outgoing",
        "private": private,
        "content_attributes": {MARKER: str(message.event_id)},
        "source_id": f"holdfast:{message.event_id}",
    }


def _put_status(desk: Desk, message: Message) -> Answer | None:
    """Set what differs; return None where nothing did."""
    reply = _call(desk, "GET", _api(desk, "conversations", message.external_id))
    conversation = judge.json_of(reply, desk=desk)
    dialect.id_in(conversation, reply, desk)
    changed = _set_priority(desk, message.external_id, message.payload, conversation)
    wanted = STATUSES.get(message.payload.get("status", ""))
    if wanted and wanted != conversation.get("status"):
        changed = _set_status(desk, message.external_id, wanted, conversation)
    return dialect.delivered(desk, changed, message.external_id) if changed else None


def _set_priority(
    desk: Desk, external_id: str, payload: Mapping[str, Any], conversation: Mapping[str, Any]
) -> Reply | None:
    wanted = PRIORITIES.get(payload.get("priority", ""))
    if not wanted or wanted == conversation.get("priority"):
        return None
    return _call(
        desk, "POST", _api(desk, "conversations", external_id, "toggle_priority"), {"priority": wanted}
    )


def _set_status(desk: Desk, external_id: str, wanted: str, before: Mapping[str, Any]) -> Reply:
    """Set the status by name: without one, Chatwoot flips it. Keep the assignee as it was."""
    url = _api(desk, "conversations", external_id)
    reply = _call(desk, "POST", f"{url}/toggle_status", {"status": wanted})
    if wanted == "open":
        after = judge.json_of(_call(desk, "GET", url), desk=desk)
        if _assignee(after) != _assignee(before):
            _call(desk, "POST", f"{url}/assignments", {"assignee_id": _assignee(before)})
    return reply


def _assignee(conversation: Mapping[str, Any]) -> int | None:
    meta = conversation.get("meta")
    assignee = meta.get("assignee") if isinstance(meta, dict) else None
    return dialect.number(assignee.get("id")) if isinstance(assignee, dict) else None


def _has_message(desk: Desk, message: Message) -> bool:
    return any(is_marked(one, str(message.event_id)) for one in _messages(desk, message.external_id))


def _messages(desk: Desk, external_id: str) -> Iterator[dict[str, Any]]:
    """Yield the newest messages, page by page."""
    url, before = _api(desk, "conversations", external_id, "messages"), ""
    for _ in range(PAGES):
        reply = _call(desk, "GET", url + before)
        found = dialect.list_in(judge.json_of(reply, desk=desk), "payload", reply, desk)
        yield from found
        numbers = [number for one in found if (number := dialect.number(one.get("id"))) is not None]
        if not numbers:
            return
        before = f"?before={min(numbers)}"


def _call(desk: Desk, method: str, url: str, data: Mapping[str, Any] | None = None) -> Reply:
    headers = {"api_access_token": desk.secret("token"), "Accept": "application/json"}
    if data is not None:
        headers["Content-Type"] = "application/json"
    content = b"" if data is None else dialect.body(data)
    return judge.call(desk, method, url, headers=headers, content=content, max_bytes=dialect.MANY_BYTES)


def _api(desk: Desk, *parts: Any) -> str:
    return dialect.address(desk, "api", "v1", "accounts", desk.options.get("account_id", ""), *parts)
