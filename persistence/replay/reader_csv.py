"""CSV: one message a row, with a header.

====================  ===============================================================================
conversation_id       required; rows of one conversation need not stand together, but stand in order
role, text            required
channel               optional (default ``web``); the same in every row of a conversation
speaker               optional
====================  ===============================================================================

Other columns are ignored, and so are blank rows. The file is UTF-8 (with or without a byte order mark),
separated by commas. A conversation with a wrong row is refused as a whole, because half of it would be
another conversation. The file is held in memory, since its conversations may be interleaved.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from persistence.replay.dialogues import DEFAULT_CHANNEL, ROLES, Dialogue, Message, Unreadable

REQUIRED = ("conversation_id", "role", "text")
# More than any message may have, so that the server, and not the parser, says what is too large.
LARGEST_FIELD = 16 * 1024 * 1024

Row = dict[str, str]


@dataclass(slots=True)
class _Conversation:
    where: str
    channel: str
    messages: list[Message] = field(default_factory=list)
    fault: Unreadable | None = None


def read_csv(path: Path) -> Iterator[Dialogue | Unreadable]:
    """Yield the file's conversations in the order in which they begin. Raises OSError."""
    csv.field_size_limit(LARGEST_FIELD)
    # Bytes that are no UTF-8 become lone surrogates, so that only their own conversation is refused.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval="")
        try:
            missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
        except csv.Error as error:
            yield Unreadable(f"{path}:1", str(error))
            return
        if missing:
            yield Unreadable(f"{path}:1", f"the header has no column {', '.join(missing)}")
            return
        yield from _conversations(path, reader)


def _conversations(path: Path, reader: "csv.DictReader[str]") -> Iterator[Dialogue | Unreadable]:
    found: dict[str, _Conversation] = {}
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            # Where a row ends cannot be known any more; what follows would be guesswork.
            yield Unreadable(f"{path}:{reader.line_num + 1}", f"{error}; nothing after this line was read")
            break
        if row is None:
            break
        where = f"{path}:{reader.line_num}"
        if not row["conversation_id"]:
            yield Unreadable(where, "conversation_id is empty")
            continue
        channel = row.get("channel") or DEFAULT_CHANNEL
        conversation = found.setdefault(row["conversation_id"], _Conversation(where, channel))
        if conversation.fault is None:
            _add(conversation, row, where, channel)
    for identifier, conversation in found.items():
        if conversation.fault:
            yield conversation.fault
        else:
            yield Dialogue(identifier, conversation.channel, conversation.messages, conversation.where)


def _add(conversation: _Conversation, row: Row, where: str, channel: str) -> None:
    if reason := _fault(conversation, row, channel):
        whole = f"{reason}; conversation {row['conversation_id'][:80]!r} was refused as a whole"
        conversation.fault = Unreadable(where, whole)
        return
    message = {"role": row["role"], "content": row["text"]}
    if speaker := row.get("speaker"):
        message["name"] = speaker
    conversation.messages.append(message)


def _fault(conversation: _Conversation, row: Row, channel: str) -> str:
    if row["role"] not in ROLES:
        return f"role is {row['role']!r}, not one of {', '.join(ROLES)}"
    if channel != conversation.channel:
        return f"channel is {channel!r}, and {conversation.channel!r} where the conversation begins"
    if "" in row:
        return "the row has more fields than the header"
    if any("\udc80" <= character <= "\udcff" for value in row.values() for character in value):
        return "the row is not UTF-8"
    return ""
