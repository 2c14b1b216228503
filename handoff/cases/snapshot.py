"""What an agent reads first: the trouble in the customer's words, what was tried, and which turns say so."""

import json
from typing import Any

from django.db import connection

from persistence.control import LockedConversation

TURNS = 20
LONGEST = 600  # characters of a quoted text
RECENT = """
SELECT seq, messages FROM persistence_turn WHERE conversation_id = %s ORDER BY seq DESC LIMIT %s
"""


def snapshot(conversation: LockedConversation) -> dict[str, Any]:
    """Return ``trigger`` {seq, text} and ``summary`` {problem, tried, open_questions, covers, stale, citations}.

    Extracted from the last turns word by word; nothing is put that was not said.
    """
    with connection.cursor() as cursor:
        cursor.execute(RECENT, [conversation.pk, TURNS])
        turns = [(seq, as_list(messages)) for seq, messages in reversed(cursor.fetchall())]
    asked = [(seq, text) for seq, messages in turns for text in said(messages, "user")]
    answered = [(seq, text) for seq, messages in turns for text in said(messages, "assistant")]
    if not turns:
        return {"trigger": None, "summary": None}
    problem = max(asked, key=lambda found: len(found[1]), default=None)
    trigger = asked[-1] if asked else None
    quoted = [found for found in (problem, trigger, answered[-1] if answered else None) if found]
    return {
        "trigger": {"seq": trigger[0], "text": cut(trigger[1])} if trigger else None,
        "summary": {
            "problem": cut(problem[1]) if problem else "",
            "tried": cut(answered[-1][1]) if answered else "",
            "open_questions": [cut(trigger[1])] if trigger and trigger[1].rstrip().endswith("?") else [],
            "covers": [turns[0][0], turns[-1][0]],
            "citations": sorted({seq for seq, _ in quoted}),
            "stale": False,
        },
    }


def said(messages: list[dict[str, Any]], role: str) -> list[str]:
    """Return what one role said, without empty texts."""
    return [
        message["content"] for message in messages if message["role"] == role and message["content"].strip()
    ]


def cut(text: str) -> str:
    """Return the text, shortened with an ellipsis where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def as_list(messages: Any) -> list[dict[str, Any]]:
    """Return messages as they come from a cursor that may or may not have parsed them."""
    return json.loads(messages) if isinstance(messages, str) else messages
