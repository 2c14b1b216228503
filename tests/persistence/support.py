"""Short words for recording turns and for running the relay into a directory of the test's own."""

import itertools
from typing import Any
from uuid import UUID

from outbox.destinations import destination, load_handler
from outbox.relay import relay
from persistence.history import FoundConversation, find_conversation
from persistence.turns import RecordedTurn, record_turn

_numbers = itertools.count(1)


def say(
    text: str = "hello",
    reply: str = "hi",
    *,
    session_id: str = "s",
    request_id: str | None = None,
    **more: Any,
) -> RecordedTurn:
    """Record one exchange in domain "demo"."""
    given = {"domain": "demo", "channel": "web"} | more
    messages = given.pop(
        "messages", [{"role": "user", "content": text}, {"role": "assistant", "content": reply}]
    )
    return record_turn(
        session_id=session_id,
        request_id=request_id or f"request-{next(_numbers)}",
        messages=messages,
        **given,
    )


def conversation_of(turn: RecordedTurn, domain: str = "demo") -> FoundConversation:
    found = find_conversation(domain, UUID(str(turn.conversation_id)))
    assert found is not None
    return found


def relay_archive() -> int:
    """Carry everything that is due to the archive; returns how many turns arrived."""
    load_handler.cache_clear()  # the handler keeps the sink of the settings it was made under
    return relay(destination("archive"), budget=60, poll=0, until_empty=True).delivered


def fields(response):
    """The names of the fields that a refusal blames."""
    return [error["field"] for error in response.json()["errors"]]
