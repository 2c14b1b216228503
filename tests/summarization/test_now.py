"""What a human reads who is called this moment: at once, without a model, whatever was said."""

import json
from typing import Any

import pytest
from django.db import connection

from persistence.models import Turn
from summarization import now
from summarization.now import LONGEST_MESSAGE, MOST_CHARACTERS, TURNS, Extract, extract_now, newest
from summarization.summarizers.registry import fallback
from tests.summarization.stored import SAID, stored
from tests.summarization.support import PARCEL, conversation, say

pytestmark = pytest.mark.django_db(transaction=True)


def extracted(pk: int) -> Extract:
    found = extract_now(pk)
    assert found is not None
    return found


def statements(found: Extract) -> list[str]:
    return [statement.text for statement in found.draft.statements()]


def test_it_says_what_was_said_and_where():
    pk = conversation()
    found = extracted(pk)
    assert found.covers == (1, 2)
    assert found.draft.problem is not None
    assert "4711" in found.draft.problem.text
    assert found.draft.language == "en"
    whole = " ".join(" ".join(pair) for pair in PARCEL)
    for statement in found.draft.statements():
        assert all(sentence in whole for sentence in statement.text.rstrip("….").split(". "))
        assert set(statement.citations) <= {1, 2}


@pytest.mark.parametrize("backend", ["extractive", "openai"])
def test_no_model_is_ever_asked(settings, monkeypatch, backend):
    settings.SUMMARY_BACKEND = backend
    monkeypatch.setattr(now, "fallback", asked := Counting())
    assert extracted(conversation()).covers == (1, 2)
    assert asked.times == 1


class Counting:
    """The fallback, counted; nothing else is made."""

    times = 0

    def __call__(self) -> Any:
        self.times += 1
        return fallback()


def test_what_an_earlier_summary_knows_is_carried_on_with_its_citations():
    pk = conversation(session_id="s")
    stored(pk)
    say("My invoice 88 shows the wrong amount.", "I will correct the invoice today.", session_id="s")
    found = extracted(pk)
    assert found.covers == (1, 3)
    cited = {topic.text: topic.citations for topic in found.draft.topics}
    assert cited["customs in Lisbon"] == (1,)
    assert any(3 in statement.citations for statement in found.draft.statements())


def test_with_nothing_said_since_it_is_the_summary_that_there_is():
    pk = conversation()
    stored(pk)
    found = extracted(pk)
    assert (found.covers, statements(found)) == (
        (1, 2),
        [SAID["problem"], SAID["solution"], *SAID["topics"]],
    )


def test_what_lies_far_back_is_not_carried_on_over_a_gap():
    pk = conversation(session_id="s")
    stored(pk)
    for number in range(TURNS + 5):
        say(f"My bill number {number} shows a wrong amount.", f"I correct bill {number}.", session_id="s")
    found = extracted(pk)
    assert found.covers == (8, TURNS + 7)
    assert "customs in Lisbon" not in statements(found)
    assert {seq for statement in found.draft.statements() for seq in statement.citations} <= set(range(8, 48))


@pytest.mark.parametrize(
    "text", ["", " \n", "\u200b", "?", "😀" * 500, "x" * 60_000, "a " * 30_000, "مرحبا بك", "<<<>>>"]
)
def test_whatever_was_said_it_ends_and_raises_nothing(text):
    pk = conversation((text, "ok"), (text, ""), ("help me please", None))
    assert extract_now(pk) is not None


def test_nothing_was_said_by_anybody():
    assert extract_now(10**12) is None
    recorded = say("x", session_id="s", messages=[{"role": "tool", "content": "{}"}])
    pk = Turn.objects.get(turn_id=recorded.turn_id).conversation_id
    assert extract_now(pk) is None


def test_a_fallback_that_fails_leaves_what_is_stored_or_nothing(monkeypatch, caplog):
    def broken() -> Any:
        raise RuntimeError("secret words")

    monkeypatch.setattr(now, "fallback", broken)
    pk = conversation(session_id="s")
    assert extract_now(pk) is None
    stored(pk)
    say("one thing more", "yes?", session_id="s")
    assert extracted(pk).covers == (1, 2)
    assert "secret words" not in caplog.text


def test_a_wall_of_text_is_read_in_part():
    huge = "the parcel is lost and nobody answers me " * 1_500
    for _ in range(10):
        pk = conversation((huge, huge), session_id="s")
    turns = newest(pk, after=0, turns=TURNS)
    texts = [said.text for turn in turns for said in turn.said]
    assert max(map(len, texts)) == LONGEST_MESSAGE
    assert sum(map(len, texts)) <= MOST_CHARACTERS
    assert turns[-1].seq == 10
    assert len(turns) == MOST_CHARACTERS // (2 * LONGEST_MESSAGE)


def test_turns_of_an_older_redaction_are_redacted_again():
    pk = conversation(("Write to someone there", "ok"))
    said = json.dumps([{"role": "user", "content": "Write to ann@example.com please"}])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE persistence_turn DISABLE TRIGGER USER")
        cursor.execute("UPDATE persistence_turn SET messages = %s, redaction_version = 0", [said])
        cursor.execute("ALTER TABLE persistence_turn ENABLE TRIGGER USER")
    [turn] = newest(pk, after=0, turns=TURNS)
    assert turn.said[0].text == "Write to [EMAIL] please"


def test_the_newest_turns_are_read_by_index():
    pk = conversation(session_id="s")
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        wanted = {"conversation": pk, "after": 0, "turns": 40, "most_bytes": 1_000}
        cursor.execute("EXPLAIN " + now.NEWEST, wanted)
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "Index Scan Backward using persistence_turn_seq_once" in plan
