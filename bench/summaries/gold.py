"""Conversations with gold summaries. They are no part of the repository: their licences forbid it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from bench.harness.private import PROJECT

PATH = "HOLDFAST_GOLD_SUMMARIES"
DEFAULT = PROJECT.parent / "shared" / "data" / "dialogues.nc.jsonl"
MISSING = (
    "The gold summaries are not here: {path} does not exist. Quality is not measured. Set {name} to a file of JSON "
    'lines {{"source", "turns": [{{"role", "text"}}], "summary": [gold, ...]}}, of tweetsumm and dialogsum.'
)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """``turns`` are (role, text, the source's own label of the speaker); ``golds`` may be empty."""

    turns: tuple[tuple[str, str, str], ...]
    golds: tuple[str, ...]


def path() -> Path:
    """Return where the file should be."""
    return Path(os.environ.get(PATH) or DEFAULT)


def dialogues(file: Path) -> dict[str, list[Dialogue]]:
    """Return the dialogues of each source, in the order of the file."""
    found: dict[str, list[Dialogue]] = {}
    with file.open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            turns = tuple((turn["role"], turn["text"], turn.get("speaker", "")) for turn in line["turns"])
            found.setdefault(line["source"], []).append(Dialogue(turns, tuple(line["summary"] or ())))
    return found


def labelled(dialogue: Dialogue) -> Dialogue:
    """Return it with each speaker's label before what they say, as DialogSum is published ("#Person1#: …")."""
    turns = tuple((role, f"{speaker}: {text}", speaker) for role, text, speaker in dialogue.turns)
    return Dialogue(turns, dialogue.golds)
