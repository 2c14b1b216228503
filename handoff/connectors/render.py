"""A case as plain text, for desks that take text: e-mail, Zendesk, Zammad, Chatwoot.

What customers and agents wrote is indented where it goes on over several lines, so that nobody can write a line
that looks like one of ours.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

SPEAKERS = {
    "user": "Customer",
    "customer": "Customer",
    "assistant": "Assistant",
    "agent": "Agent",
    "tool": "Tool",
}
LONGEST_TITLE = 100

# Line feed and tab stay. The rest of the controls, NUL among them, and halves of surrogate pairs are refused by one
# desk or another, and none of them can be seen.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def title(payload: Mapping[str, Any]) -> str:
    """Return one line for ``handoff.requested``: what is wrong, how urgent, at most 100 characters."""
    trigger = _part(payload, "trigger")
    summary = _part(payload, "summary")
    problem = _line(summary.get("problem")) or _line(trigger.get("text")) or "A customer asks for a human"
    shown = f"[{_line(payload.get('priority')) or 'normal'}] {problem}"
    return shown if len(shown) <= LONGEST_TITLE else shown[: LONGEST_TITLE - 1].rstrip() + "…"


def handoff_text(payload: Mapping[str, Any]) -> str:
    """Return ``handoff.requested`` for an agent to begin with: why, how urgent, what was said, where to look."""
    blocks = [_facts(payload), _summary(_part(payload, "summary")), _transcript(payload), _links(payload)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def event_text(event_type: str, payload: Mapping[str, Any]) -> str:
    """Return a later event of a case (``case.message``, ``case.note``, ``case.status``) in a few lines."""
    text = clean(payload.get("text"))
    author = _line(payload.get("author"))
    match event_type:
        case "case.message":
            speaker = _speaker(payload.get("from"))
            return _said(f"{speaker} ({author})" if author else speaker, text) + "\n"
        case "case.note":
            return _said(f"Internal note by {author}" if author else "Internal note", text) + "\n"
        case "case.status":
            return _status(payload) + "\n"
        case _:
            return _said(_line(event_type), text) + "\n"


def clean(value: Any) -> str:
    """Return a text that every desk takes: line ends as line feeds, what cannot be seen as U+FFFD."""
    if not isinstance(value, str):
        return ""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", value.replace("\r\n", "\n").replace("\r", "\n"))


def _facts(payload: Mapping[str, Any]) -> str:
    customer, sla = _part(payload, "customer"), _part(payload, "sla")
    verified = {"True": "verified", "False": "not verified"}.get(str(customer.get("verified")), "")
    return _lines(
        ("Reason", payload.get("reason_code")),
        ("In words", payload.get("reason_text")),
        ("Priority", payload.get("priority")),
        ("Queue", payload.get("queue")),
        ("First answer due", sla.get("first_due")),
        ("Solution due", sla.get("resolution_due")),
        (
            "Customer",
            " · ".join(filter(None, map(_line, (customer.get("ref"), customer.get("locale"), verified)))),
        ),
        ("Channel", payload.get("channel")),
        ("Case", payload.get("case_id")),
    )


def _summary(summary: Mapping[str, Any]) -> str:
    if not summary:
        return ""
    covers = summary.get("covers")
    heading = "SUMMARY"
    if isinstance(covers, list | tuple) and len(covers) == 2:
        heading += f" of turns {_line(covers[0])} to {_line(covers[1])}"
    if summary.get("stale"):
        heading += ", older than the last turns"
    entries = [("Problem", summary.get("problem")), ("Tried", summary.get("tried"))]
    questions = summary.get("open_questions")
    entries += [
        ("Open question", question) for question in (questions if isinstance(questions, list) else [])
    ]
    return f"{heading}\n{_lines(*entries)}"


def _transcript(payload: Mapping[str, Any]) -> str:
    transcript, trigger = _part(payload, "transcript"), _part(payload, "trigger")
    inline = transcript.get("inline")
    entries = [entry for entry in inline if isinstance(entry, Mapping)] if isinstance(inline, list) else []
    if not entries:
        said = clean(trigger.get("text")).strip()
        return _said("LAST SAID BY THE CUSTOMER", said) if said else ""
    heading = f"CONVERSATION, the last {len(entries)} messages"
    if transcript.get("count"):
        heading += f" ({_line(transcript['count'])} turns in all)"
    said_lines = [_said(_speaker(entry.get("role")), clean(entry.get("text"))) for entry in entries]
    return "\n".join([heading, *said_lines])


def _links(payload: Mapping[str, Any]) -> str:
    check = _part(_part(payload, "transcript"), "claim_check") or _part(payload, "claim_check")
    whole = _line(check.get("url"))
    until = _line(check.get("expires_at"))
    return _lines(
        ("Case page", _part(payload, "links").get("case_url")),
        ("Whole conversation", f"{whole} (until {until})" if whole and until else whole),
    )


def _status(payload: Mapping[str, Any]) -> str:
    status, previous = _line(payload.get("status")), _line(payload.get("previous"))
    moved = f"Status: {previous} -> {status}" if previous and previous != status else f"Status: {status}"
    return "\n".join(
        filter(
            None,
            (
                moved,
                _lines(
                    ("Because of", payload.get("reason")),
                    ("By", payload.get("actor")),
                    ("Assigned to", payload.get("assignee")),
                    ("Priority", payload.get("priority")),
                    ("Queue", payload.get("queue")),
                    ("Note", payload.get("note")),
                ),
            ),
        )
    )


def _lines(*entries: tuple[str, Any]) -> str:
    kept: Iterable[tuple[str, str]] = ((name, clean(_text(value)).strip()) for name, value in entries)
    return "\n".join(_said(name, value) for name, value in kept if value)


def _said(who: str, text: str) -> str:
    return f"{who}: " + text.strip("\n").replace("\n", "\n    ")


def _speaker(role: Any) -> str:
    return SPEAKERS.get(_line(role), _line(role).capitalize() or "Somebody")


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _line(value: Any) -> str:
    return " ".join(clean(_text(value)).split())


def _part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = payload.get(name)
    return found if isinstance(found, Mapping) else {}
