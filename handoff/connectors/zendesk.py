"""Zendesk Support: a ticket per case.

Outbound (https://developer.zendesk.com/api-reference/ticketing/): basic auth ``email/token:api_token``. A ticket
begins with an internal note, carries the case as ``external_id`` and is created under ``Idempotency-Key``. That key
lives for two hours and outages live longer, so a create that may have happened is looked up by ``external_id``
first. Updates carry ``safe_update`` with ``updated_stamp``: what an agent saves meanwhile is never overwritten
(409: read again, once). A ticket is set to *solved*; *closed* is for Zendesk alone, and a closed ticket takes
nothing more. Each comment has our event's id in ``metadata``, which shows after a lost answer whether it is there.
One ticket takes 30 updates in ten minutes: that 429 leaves requests on the account's own meter, and holds up this
case only.

Inbound: ``zendesk_events``.
"""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from handoff.connectors import dialect, judge, reading
from handoff.connectors.port import Answer, Desk, DeskTrouble, Heard, Message
from handoff.connectors.render import handoff_text, title
from handoff.connectors.zendesk_events import HEARD, heard, verify
from handoff.net.client import NetError, Reply, request
from outbox.outcomes import Dead, Delivered, Failed, Unavailable

MARKER = "holdfast_event"
CREDENTIAL = "basic"
STATUSES = {
    "open": "open",
    "in_progress": "open",
    "waiting_customer": "pending",
    "closed": "solved",
    "cancelled": "solved",
}
PRIORITIES = frozenset({"low", "normal", "high", "urgent"})


class Zendesk:
    """See the module."""

    correlates: ClassVar[bool] = True
    options: ClassVar[frozenset[str]] = frozenset({"email", "agent_id", "group_id", "tags"})
    secrets: ClassVar[frozenset[str]] = frozenset({"api_token", "signing"})

    def find(self, desk: Desk, case_id: UUID) -> Answer | None:
        """Look for ``external_id``. It is not unique: the oldest ticket is the one that counts."""
        desk = _signed_in(desk)
        try:
            reply = _call(
                desk, "GET", dialect.address(desk, "api", "v2", "tickets") + f"?external_id={case_id}"
            )
        except DeskTrouble as trouble:
            raise dialect.looked_up(trouble) from None
        found = dialect.list_in(judge.json_of(reply, desk=desk), "tickets", reply, desk)
        ids = [dialect.id_in(one, reply, desk) for one in found if one.get("external_id") == str(case_id)]
        if not ids:
            return None
        oldest = min(ids, key=lambda one: (len(one), one))
        return dialect.delivered(desk, reply, oldest, _page(desk, oldest))

    def create(self, desk: Desk, message: Message) -> Answer:
        """Open the ticket. A key that Zendesk knows with another body (400) means that the ticket is there."""
        desk = _signed_in(desk)
        content = dialect.body({"ticket": _ticket(desk, message)})
        url = dialect.address(desk, "api", "v2", "tickets")
        try:
            reply = _call(desk, "POST", url, content, {"Idempotency-Key": str(message.event_id)})
        except DeskTrouble as trouble:
            found = _earlier(self, desk, message, trouble)
            if found is None:
                raise
            return found
        external_id = dialect.id_in(judge.json_of(reply, desk=desk).get("ticket"), reply, desk)
        return dialect.delivered(desk, reply, external_id, _page(desk, external_id))

    def update(self, desk: Desk, message: Message) -> Answer:
        """Read the ticket, put the change on what was read; when it moved in between, do so once more."""
        desk = _signed_in(desk)
        if message.event_type not in ("case.message", "case.note", "case.status"):
            raise dialect.not_understood(message)
        if message.tries and _has_comment(desk, message):
            return dialect.already_there(message)
        url = dialect.address(desk, "api", "v2", "tickets", message.external_id)
        for _ in range(2):
            answer = _put(desk, url, message)
            if answer.status_code != 409:
                return answer
        raise DeskTrouble(replace(answer, outcome=Failed("conflict", after=judge.SHORTEST_WAIT)))

    def probe(self, desk: Desk) -> Answer:
        """Ask who we are. Zendesk answers wrong credentials with 200 and a user without an id."""
        desk = _signed_in(desk)
        reply = _call(desk, "GET", dialect.address(desk, "api", "v2", "users", "me"))
        user = judge.json_of(reply, desk=desk).get("user")
        agent_id = reading.identifier(user.get("id")) if isinstance(user, dict) else ""
        if not agent_id:
            raise DeskTrouble(Answer(Unavailable("unauthorized"), status_code=reply.status))
        expected = reading.identifier(desk.options.get("agent_id"))
        note = "" if expected == agent_id else f" The option agent_id must be {agent_id}."
        return Answer(Delivered(), status_code=reply.status, excerpt=f"Signed in as user {agent_id}.{note}")

    def receive(self, desk: Desk, headers: Mapping[str, str], body: bytes, now: datetime) -> list[Heard]:
        """Verify, then read one ticket event."""
        verify(desk, headers, body, now)
        return [heard(desk, reading.json_object(body))]


def _signed_in(desk: Desk) -> Desk:
    """Return the desk with what proves who we are among its secrets, so that no excerpt ever shows it."""
    login = f"{desk.options.get('email', '')}/token:{desk.secret('api_token')}"
    credential = base64.b64encode(login.encode()).decode()
    return replace(desk, secrets={**desk.secrets, CREDENTIAL: (credential,)})


def _ticket(desk: Desk, message: Message) -> dict[str, Any]:
    payload = message.payload
    ref = (payload.get("customer") or {}).get("ref") or ""
    requester = {"name": reading.name_of(ref) or "Customer"}
    if mail := dialect.mail_of(ref):
        requester["email"] = mail
    tags = [
        "holdfast",
        f"holdfast_{payload.get('reason_code', 'unclassified')}",
        *desk.options.get("tags", ()),
    ]
    ticket: dict[str, Any] = {
        "subject": title(payload),
        # Internal: the summary is for agents, and Zendesk mails public comments to the requester.
        "comment": {"body": handoff_text(payload), "public": False},
        "requester": requester,
        "external_id": str(message.case_id),
        "tags": tags,
        "metadata": {MARKER: str(message.event_id)},
    }
    if payload.get("priority") in PRIORITIES:
        ticket["priority"] = payload["priority"]
    if group := dialect.number(desk.options.get("group_id")):
        ticket["group_id"] = group
    return ticket


def _earlier(connector: Zendesk, desk: Desk, message: Message, trouble: DeskTrouble) -> Answer | None:
    if trouble.answer.status_code != 400 or message.case_id is None:
        return None
    return connector.find(desk, message.case_id)


def _put(desk: Desk, url: str, message: Message) -> Answer:
    reply = _call(desk, "GET", url)
    ticket = judge.json_of(reply, desk=desk).get("ticket")
    if not isinstance(ticket, dict) or not ticket.get("updated_at"):
        raise judge.unreadable(reply, desk=desk)
    change = _change(desk, message, ticket)
    if not change:
        return dialect.already_there(message)
    if ticket.get("status") == "closed":
        said = "Zendesk closed this ticket for good: it takes no more comments. The case goes on in Holdfast."
        raise DeskTrouble(Answer(Dead("ticket_closed"), excerpt=said))
    guard = {
        "safe_update": True,
        "updated_stamp": ticket["updated_at"],
        "metadata": {MARKER: str(message.event_id)},
    }
    try:
        reply = _call(desk, "PUT", url, dialect.body({"ticket": change | guard}))
    except DeskTrouble as trouble:
        if trouble.answer.status_code == 409:
            return trouble.answer
        raise
    return dialect.delivered(desk, reply, message.external_id)


def _change(desk: Desk, message: Message, ticket: Mapping[str, Any]) -> dict[str, Any]:
    payload = message.payload
    if message.event_type == "case.message":
        comment: dict[str, Any] = {"body": dialect.spoken(payload), "public": True}
        if payload.get("from") == "customer" and ticket.get("requester_id"):
            comment["author_id"] = ticket["requester_id"]
        return {"comment": comment}
    change = _state(desk, payload, ticket) if message.event_type == "case.status" else {}
    if remark := dialect.remark(message):
        change["comment"] = {"body": remark, "public": False}
    return change


def _state(desk: Desk, payload: Mapping[str, Any], ticket: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs: a ticket that is as it should be is left alone, so that no event comes back."""
    current, change = ticket.get("status"), dict[str, Any]()
    wanted = STATUSES.get(payload.get("status", ""))
    if wanted and HEARD.get(str(current)) != HEARD[wanted] and not (current == "new" and wanted == "open"):
        change["status"] = wanted
        agent = dialect.number(desk.options.get("agent_id"))
        if wanted == "solved" and not ticket.get("assignee_id") and agent:
            change["assignee_id"] = agent  # nothing is solved without an assignee
    priority = payload.get("priority")
    if priority in PRIORITIES and priority != ticket.get("priority") and current != "closed":
        change["priority"] = priority
    return change


def _has_comment(desk: Desk, message: Message) -> bool:
    url = dialect.address(desk, "api", "v2", "tickets", message.external_id, "comments")
    reply = _call(desk, "GET", url + "?sort_order=desc")
    found = dialect.list_in(judge.json_of(reply, desk=desk), "comments", reply, desk)
    return any(_marker(comment) == str(message.event_id) for comment in found)


def _marker(comment: Mapping[str, Any]) -> Any:
    try:
        return comment["metadata"]["custom"][MARKER]
    except (KeyError, TypeError):
        return None


def _call(
    desk: Desk, method: str, url: str, content: bytes = b"", more: Mapping[str, str] | None = None
) -> Reply:
    """As ``judge.call``, which cannot tell a busy ticket from a busy account."""
    headers = {
        "Authorization": f"Basic {desk.secret(CREDENTIAL)}",
        "Accept": "application/json",
        **(more or {}),
    }
    if content:
        headers["Content-Type"] = "application/json"
    try:
        reply = request(
            method,
            url,
            headers=headers,
            content=content,
            deadline=judge.SEND_DEADLINE,
            max_bytes=dialect.MANY_BYTES,
        )
    except NetError as error:
        raise DeskTrouble(judge.unanswered(error)) from None
    answer = judge.judged(reply, hide=judge.hidden(desk))
    if isinstance(answer.outcome, Delivered):
        return reply
    left = reply.headers.get("x-rate-limit-remaining", "")
    if isinstance(answer.outcome, Unavailable) and reply.status == 429 and left.isdigit() and int(left) > 0:
        answer = replace(answer, outcome=Failed("ticket_rate_limited", after=answer.outcome.after))
    raise DeskTrouble(answer)


def _page(desk: Desk, external_id: str) -> str:
    return dialect.address(desk, "agent", "tickets", external_id)
