"""A recorded conversation and the turns it becomes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from persistence.requests import MAX_MESSAGES

ROLES = ("user", "assistant", "agent", "system", "tool")
ANSWERS = frozenset({"assistant", "agent", "tool"})
DEFAULT_CHANNEL = "web"
# A request id has room for 200 characters; a longer id of a conversation goes by its digest.
LONGEST_ID = 120

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation of a file; ``where`` is ``file:line``, a message ``{"role", "content"[, "name"]}``."""

    id: str
    channel: str
    messages: list[Message]
    where: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of a file that is no conversation, and why. Nothing of it is sent."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn to be sent; ``number`` counts from 1 inside its conversation."""

    session_id: str
    request_id: str
    channel: str
    messages: list[Message]
    where: str
    number: int

    @property
    def name(self) -> str:
        """Return where it comes from, for a person."""
        return f"{self.where} exchange {self.number}"


def exchanges(dialogue: Dialogue, *, run: str = "", repeat: int = 1) -> list[Exchange]:
    """Return the dialogue as turns, in order.

    ``run`` and ``repeat`` (from 1) make other conversations of the same dialogue. Equal arguments give equal
    ids, and different ones never do: ``run`` holds no colon, and a number after the last colon ends each id.
    """
    session_id = f"replay:{run}:{repeat}:{_short(dialogue.id)}"
    return [
        Exchange(session_id, f"{session_id}:{number}", dialogue.channel, list(said), dialogue.where, number)
        for number, said in enumerate(split(dialogue.messages), start=1)
    ]


def split(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yield each exchange: what the user said and the answers that follow.

    A user's message after an answer begins the next exchange. So a greeting that comes before the user's
    first word is a turn of its own. What is longer than a turn may be, such as a meeting in which everybody
    is "user", goes on in the next turn.
    """
    start, answered = 0, False
    for index, message in enumerate(messages):
        if index > start and ((answered and message["role"] == "user") or index - start == MAX_MESSAGES):
            yield messages[start:index]
            start, answered = index, False
        answered = answered or message["role"] in ANSWERS
    if messages:
        yield messages[start:]


def _short(identifier: str) -> str:
    if len(identifier) <= LONGEST_ID:
        return identifier
    return "sha256-" + hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()
