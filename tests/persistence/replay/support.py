"""Small conversations, and what the database says became of them."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection

from persistence.models import Conversation, Turn
from persistence.replay.answers import Sender
from persistence.replay.dialogues import Dialogue
from persistence.replay.in_process import InProcessSender
from persistence.replay.run import Plan, replay
from persistence.replay.summary import Summary


def dialogue(identifier: str, exchanges: int = 3, **more: Any) -> Dialogue:
    """A conversation of questions and answers, each saying its number."""
    messages = [
        {"role": role, "content": f"{identifier} {role} {number}"}
        for number in range(1, exchanges + 1)
        for role in ("user", "assistant")
    ]
    return Dialogue(identifier, "web", more.pop("messages", messages), f"file:{identifier}")


def jsonl(path: Path, dialogues: Iterable[Dialogue]) -> Path:
    """Write them in the format that is read."""
    lines = [
        json.dumps(
            {
                "id": found.id,
                "turns": [{"role": said["role"], "text": said["content"]} for said in found.messages],
            }
        )
        for found in dialogues
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def into(sender: Callable[[], Sender], *dialogues: Dialogue, **plan: Any) -> Summary:
    """Replay these."""
    return replay(lambda: dialogues, sender, Plan(**{"workers": 3, "patience": 20.0} | plan))


def in_process() -> Sender:
    """The sender without a web server."""
    return InProcessSender("demo")


def stored() -> dict[tuple[str, int], list[str]]:
    """What was said, by session (the first turn's request id without its number) and seq."""
    found = {}
    for conversation in Conversation.objects.order_by("id"):
        turns = list(Turn.objects.filter(conversation=conversation).order_by("seq"))
        assert [turn.seq for turn in turns] == list(range(1, conversation.last_seq + 1))
        for turn in turns:
            session = turns[0].request_id.rpartition(":")[0]
            messages = turn.messages if isinstance(turn.messages, list) else json.loads(turn.messages)
            found[session, turn.seq] = [message["content"] for message in messages]
    return found


def expected(*dialogues: Dialogue, run: str = "", repeat: int = 1) -> dict[tuple[str, int], list[str]]:
    """What ``stored()`` returns when all of these questions and answers are there, in order."""
    return {
        (f"replay:{run}:{time}:{found.id}", number): [
            said["content"] for said in found.messages[2 * number - 2 : 2 * number]
        ]
        for found in dialogues
        for time in range(1, repeat + 1)
        for number in range(1, len(found.messages) // 2 + 1)
    }


def database_url() -> str:
    """The tests' database, for processes of their own."""
    told = connection.settings_dict
    login = quote(str(told["USER"])) + (f":{quote(str(told['PASSWORD']))}" if told["PASSWORD"] else "")
    return f"postgresql://{login}@{told['HOST']}:{told['PORT']}/{quote(str(told['NAME']))}"
