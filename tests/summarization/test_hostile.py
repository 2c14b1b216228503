"""Whatever can be said can be summarised, stored and told of."""

import json
from pathlib import Path

import pytest

from persistence.errors import InvalidTurn
from summarization.compose import compose
from summarization.store import settle
from summarization.summarizers.registry import fallback
from summarization.worth import unworthy
from tests.summarization.support import claimed, conversation, item, read

pytestmark = pytest.mark.django_db(transaction=True)
SAMPLE = Path(__file__).parents[1] / "persistence" / "hostile.jsonl"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
ORDINARY = ("Where is my parcel 4711, please?", "It is on its way.")


def texts() -> list[str]:
    """Return every text of the samples that is not empty; the shared ones where they are at hand."""
    files = [
        path for path in (SHARED / "bad_inputs.jsonl", SHARED / "naughty_strings.jsonl") if path.exists()
    ]
    found = [json.loads(line) for file in files or [SAMPLE] for line in file.read_text("utf-8").splitlines()]
    return [one["text"] for one in found if one.get("text", "").strip()]


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
