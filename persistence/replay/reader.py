"""Files of recorded conversations: JSONL here, CSV next door, told apart by the file's suffix.

JSONL has one conversation a line::

    {"id": "…", "channel": "web", "turns": [{"role": "user", "text": "…", "speaker": "…"}, …]}

``channel`` (default ``web``) and ``speaker`` may be left out, other fields are ignored, and so are blank
lines. Roles: user, assistant, agent, system, tool.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from persistence.errors import InvalidTurn
from persistence.jsontext import parse
from persistence.replay.dialogues import DEFAULT_CHANNEL, ROLES, Dialogue, Message, Unreadable, exchanges
from persistence.replay.reader_csv import read_csv

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class DialogueError(Exception):
    """A line holds no conversation; the message says why."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is in some files."""

    conversations: int
    exchanges: int
    unreadable: int


def read(paths: Iterable[Path]) -> Iterator[Dialogue | Unreadable]:
    """Yield the conversations of the files, in order, and what cannot be read as one. Raises OSError."""
    for path in paths:
        yield from read_csv(path) if path.suffix.lower() == ".csv" else read_jsonl(path)


def measure(paths: Iterable[Path]) -> Extent:
    """Read everything once and count. Raises OSError for a file that cannot be read."""
    conversations = turns = unreadable = 0
    for found in read(paths):
        if isinstance(found, Unreadable):
            unreadable += 1
        else:
            conversations += 1
            turns += len(exchanges(found))
    return Extent(conversations, turns, unreadable)


def read_jsonl(path: Path) -> Iterator[Dialogue | Unreadable]:
    """Yield what the lines hold. Memory stays flat: one line at a time."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            if line.strip():
                yield _dialogue(line, f"{path}:{number}")


def _dialogue(line: bytes, where: str) -> Dialogue | Unreadable:
    try:
        value = parse(line)
        if not isinstance(value, dict):
            raise DialogueError("the line is not a JSON object")
        identifier = _text(value, "id", "id")
        channel = _text(value, "channel", "channel") if value.get("channel") is not None else DEFAULT_CHANNEL
        turns = value.get("turns")
        if not isinstance(turns, list) or not turns:
            raise DialogueError("turns must be a list with at least one entry")
        messages = [_message(turn, f"turns[{index}]") for index, turn in enumerate(turns)]
    except InvalidTurn as error:
        return Unreadable(where, "; ".join(f"{found.field} {found.message}" for found in error.errors))
    except DialogueError as error:
        return Unreadable(where, str(error))
    return Dialogue(identifier, channel, messages, where)


def _message(turn: Any, field: str) -> Message:
    if not isinstance(turn, dict):
        raise DialogueError(f"{field} is not an object")
    role, text, speaker = turn.get("role"), turn.get("text"), turn.get("speaker")
    if role not in ROLES:
        raise DialogueError(f"{field}.role is {role!r}, not one of {', '.join(ROLES)}")
    if not isinstance(text, str):
        raise DialogueError(f"{field}.text is not text")
    if speaker is None:
        return {"role": role, "content": text}
    return {"role": role, "content": text, "name": _text(turn, "speaker", f"{field}.speaker")}


def _text(value: dict[str, Any], key: str, field: str) -> str:
    text = value.get(key)
    if not isinstance(text, str) or not text:
        raise DialogueError(f"{field} must be text, and not empty")
    return text
