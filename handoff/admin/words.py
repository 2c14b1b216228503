"""What the console says: states, events and reasons in the words of the trade. Pure; no markup, no database."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handoff.sla.words import span, why

STATUSES = {
    "pending_consent": ("waits for consent", "warn"),
    "open": ("open", "busy"),
    "in_progress": ("in progress", "good"),
    "waiting_customer": ("waits for the customer", "calm"),
    "closed": ("closed", "calm"),
    "cancelled": ("cancelled", "calm"),
}
PRIORITIES = {"urgent": "bad", "high": "warn", "normal": "calm", "low": "calm"}
CONTROLS = {
    "bot": ("The assistant speaks with the customer", "busy"),
    "queued": ("The customer waits for a human", "warn"),
    "human": ("A human speaks with the customer", "good"),
    "closed": ("The conversation has ended", "calm"),
}
REASONS = {
    "user_request": "asked for a human",
    "repeated_failure": "the assistant failed again and again",
    "low_confidence": "the assistant was not sure",
    "negative_sentiment": "the customer is upset",
    "policy_required": "a rule asks for a human",
    "tool_error": "a tool failed",
    "out_of_scope": "beyond what the assistant does",
    "vulnerable_customer": "a customer who needs care",
    "vip": "a VIP customer",
    "unclassified": "no reason given",
}
SLA = {
    "red": ("overdue", "bad"),
    "yellow": ("due soon", "warn"),
    "green": ("in time", "good"),
    "paused": ("clock stands", "calm"),
    "over": ("ended", "calm"),
}
EVENTS = {
    "opened": "opened the case",
    "asked_again": "asked for a human again",
    "queued": "put the conversation into the queue",
    "claimed": "took the case",
    "assigned": "gave the case to {to}",
    "released": "put the case back into the queue",
    "replied": "replied to the customer",
    "noted": "wrote a note",
    "customer_said": "The customer wrote",
    "assistant_said": "The assistant answered",
    "waiting": "waits for the customer",
    "returned": "gave the conversation back to the assistant",
    "closed": "closed the case",
    "cancelled": "cancelled the case",
    "reopened": "opened the case again",
    "user_ended": "closed the case: the customer has left",
    "consent_given": "noted the customer's consent",
    "priority": "changed the priority from {from} to {to}",
    "transferred": "moved the case from {from} to {to}",
    "merged": "merged this case into {into}",
    "merged_in": "merged {from} into this case",
    "timed_out": "No agent came in time; the assistant has the conversation again",
    "warned": "Warned: the due time is near",
    "breached": "The due time has passed",
    "desk": "A help desk changed the case",
    "looping": "The conversation keeps coming back: it now waits for a human however long that takes",
}
# What turns the direction of text: in a window's title there is no markup that would confine it.
DIRECTIONS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
VARIABLE = re.compile(r"\{\{\s*(customer|agent|case)\s*\}\}")


def sla_colour(attention_at: datetime | None, warn_at: datetime | None, ended: bool, now: datetime) -> str:
    """Return the case's colour, from what is stored: the filter asks Postgres the same question."""
    if ended:
        return "over"
    if attention_at is None:
        return "paused"
    if attention_at <= now:
        return "red"
    return "green" if warn_at is not None and now < warn_at < attention_at else "yellow"


def attention(case: Any, now: datetime) -> str:
    """Return why the case stands where it stands, as a line."""
    if case.closed_at is not None:
        return f"{ENDINGS.get(case.closed_as, case.status)} {span(now - case.closed_at)} ago"
    if case.status == "pending_consent":
        return f"{case.priority}, waiting for consent for {span(now - case.opened_at)}"
    return why(case.priority, case.opened_at, case.attention_at, now, paused_at=case.paused_at)


ENDINGS = {
    "resolved": "closed as resolved",
    "user_ended": "closed, the customer had left,",
    "cancelled": "cancelled",
    "duplicate": "closed as a duplicate",
}


def reasons(codes: Any) -> str:
    """Return reason codes in words; one that is not on the list stands for itself."""
    found = codes if isinstance(codes, list) else []
    return ", ".join(REASONS.get(str(code), str(code)) for code in found) or REASONS["unclassified"]


def actor(label: str) -> str:
    """Return who did it: ``agent:anna`` as anna, ``desk:shop:Tim`` as Tim (shop)."""
    kind, _, name = label.partition(":")
    if kind == "desk":
        slug, _, who = name.partition(":")
        return f"{who} ({slug})" if who else slug
    if label == "api:turn":
        return "The assistant"
    if kind == "api":
        return f"{name} (API)"
    return name if kind == "agent" and name else "Holdfast"


def event(kind: str, data: Mapping[str, Any]) -> str:
    """Return what happened, in words; a kind that is not known stands for itself."""
    said = EVENTS.get(kind, kind.replace("_", " "))
    facts = {name: str(data.get(name) or "nobody") for name in ("from", "to", "into")}
    return re.sub(r"\{(from|to|into)\}", lambda found: facts[found[1]], said)


def has_actor(kind: str) -> bool:
    """Say whether the sentence of an event begins with who did it."""
    return not EVENTS.get(kind, kind)[:1].isupper()


def fill(text: str, *, customer: str, agent: str, case: str) -> str:
    """Fill in a canned reply's variables. Others stay as they are: nothing is evaluated."""
    values = {"customer": customer, "agent": agent, "case": case}
    return VARIABLE.sub(lambda found: values[found[1]], text)


def title(customer: str | None) -> str:
    """Return the title of a case's window."""
    name = DIRECTIONS.sub("", customer or "")[:60].strip()
    return f"Case of {name}" if name else "Case of a customer without a name"
