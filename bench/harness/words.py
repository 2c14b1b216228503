"""What is said in a benchmark's turns: sentences of the repository's own sample, about 2 KB a turn."""

import functools
import itertools
import json

from bench.harness.private import PROJECT

QUESTION_CHARACTERS = 700
ANSWER_CHARACTERS = 1300
EXCHANGES = 64


@functools.cache
def exchanges() -> list[list[dict[str, str]]]:
    """Return some exchanges as ``messages`` of a turn."""
    with (PROJECT / "sample" / "dialogues.jsonl").open(encoding="utf-8") as lines:
        said = [turn["text"] for line in lines for turn in json.loads(line)["turns"]]
    sentences = itertools.cycle(said)
    return [
        [
            {"role": "user", "content": _some(sentences, QUESTION_CHARACTERS)},
            {"role": "assistant", "content": _some(sentences, ANSWER_CHARACTERS)},
        ]
        for _ in range(EXCHANGES)
    ]


def _some(sentences: "itertools.cycle[str]", characters: int) -> str:
    text = ""
    while len(text) < characters:
        text += next(sentences) + " "
    return text[:characters]
