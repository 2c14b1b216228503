"""Whatever can be said can be summarised, stored and told of."""

import json
import random
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest

from persistence.errors import InvalidTurn
from summarization.compose import compose
from summarization.fold import parts
from summarization.store import settle
from summarization.summarizers.registry import fallback
from summarization.worth import unworthy
from tests.summarization.support import claimed, conversation, item, read, source

pytestmark = pytest.mark.django_db(transaction=True)
SAMPLE = Path(__file__).parents[1] / "persistence" / "hostile.jsonl"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
LONGEST = 60_000  # bytes: about what a turn takes
TURNS = 20_000  # two parts for the extractive summariser
ORDINARY = ("Where is my parcel 4711, please?", "It is on its way.")


def samples() -> list[dict[str, Any]]:
    """Return every line of the samples; the shared ones where they are at hand."""
    files = [
        path for path in (SHARED / "bad_inputs.jsonl", SHARED / "naughty_strings.jsonl") if path.exists()
    ]
    return [json.loads(line) for file in files or [SAMPLE] for line in file.read_text("utf-8").splitlines()]


def texts() -> list[str]:
    """Return every text of the samples that is not empty, and what they only describe, as long as a turn may be."""
    found = [generated(one["gen"]) if "gen" in one else one.get("text", "") for one in samples()]
    return [text for text in found if text.strip()]


def generated(described: dict[str, Any]) -> str:
    """Return what a sample describes: something repeated, brackets in brackets, words by chance."""
    if "nested_arrays" in described:
        text = "[" * described["nested_arrays"] + "]" * described["nested_arrays"]
    elif "random_words" in described:
        dice, length = random.Random(described["seed"]), described["word_len"]
        many = min(described["random_words"], LONGEST // length)
        text = " ".join("".join(dice.choices(ascii_lowercase, k=length)) for _ in range(many))
    else:
        text = described.get("repeat", "") * min(described.get("count", 0), LONGEST)
    return text.encode()[:LONGEST].decode(errors="ignore")


def summarised(*exchanges: tuple[str, str]) -> None:
    pk = conversation(*exchanges)
    claim, source = claimed(pk), read(pk)
    composed = compose(source, fallback(), previous=None, outcome=None)
    assert composed.failure == ""
    summary = settle(claim, source, composed)
    assert summary is not None
    assert item(pk).state == "done"
    assert set(summary.citations) <= {1, 2}


def test_what_anybody_may_say_is_summarised_and_stored():
    done = 0
    for text in texts():
        try:
            summarised((text, "I see. Tell me more, please."), ORDINARY)
            summarised(ORDINARY, (text, text))
            done += 1
        except InvalidTurn:  # what cannot be stored as a turn never comes this far
            continue
    assert done >= 4


@pytest.mark.parametrize("text", ["", "   ", "👋", "ok", "?" * 60_000, "x" * 60_000, "\u202e\u200d\ufeff"])
def test_a_conversation_of_nothing_but_this_is_skipped_or_summarised(text):
    pk = conversation((text, "Yes?"), (text, "Yes?"))
    source = read(pk)
    composed = compose(source, fallback(), previous=None, outcome=None)
    assert unworthy(source) or not composed.failure


def test_five_hundred_turns_are_summarised():
    summarised_turns = [
        (f"Question {number} about parcel {number}", f"Answer {number}.") for number in range(500)
    ]
    pk = conversation(*summarised_turns)
    claim, source = claimed(pk), read(pk)
    summary = settle(claim, source, compose(source, fallback(), previous=None, outcome=None))
    assert (summary.to_seq, summary.source_turn_count) == (500, 500)


def test_more_turns_of_one_letter_than_are_read_at_once_are_summarised():
    said = source(*[("k",)] * TURNS)
    found = compose(said, fallback(), previous=None, outcome=None)
    assert len(list(parts(said.turns, fallback().part_tokens))) > 1
    assert found.failure == ""
    assert found.draft is not None
    assert found.draft.problem is not None
    assert found.draft.problem.text == "k"
