"""Long conversations in parts, each answer carried into the next, checked, and asked for once more."""

import time

import pytest
from django.test import override_settings

from summarization import fold as folding
from summarization.draft import Draft, Said, SourceTurn, Statement
from summarization.fold import BYTES_PER_TOKEN, Folding, fold, parts, turn_bytes
from summarization.summarizers.port import Answer, BackendUnavailable, BadAnswer, Part
from tests.summarization.support import Scripted, draft, turns

LONG = turns(*[(f"Question {number} about parcel {number}", f"Answer {number}") for number in range(1, 41)])


def about(part: Part) -> Draft:
    """Add the part's first question to the topics so far, and keep the problem."""
    first = part.turns[0]
    topic = Statement(first.said[0].text, (first.seq,))
    before = part.previous
    return Draft(
        problem=before.problem if before else topic,
        solution=None,
        topics=((*before.topics, topic) if before else (topic,)),
        language="en",
    )


def folded(summarizer: Scripted, said=LONG, **given) -> tuple[Draft, Folding]:
    work = Folding(summarizer, until=given.pop("until", time.monotonic() + 60))
    return fold(work, said, previous=given.get("previous"), after=given.get("after", 0)), work


def test_parts_hold_every_turn_once_in_order_and_no_more_than_fits():
    found = list(parts(LONG, 100))
    assert [turn for part in found for turn in part] == list(LONG)
    assert len(found) > 5
    assert all(sum(map(turn_bytes, part)) <= 100 * BYTES_PER_TOKEN for part in found)


def test_what_fits_is_one_part():
    assert list(parts(LONG, 10_000)) == [LONG]
    assert list(parts((), 10_000)) == []


@pytest.mark.parametrize("text", ["word " * 5_000, "x" * 25_000, "漢" * 8_000, "😀" * 6_000])
def test_a_huge_turn_is_cut_and_nothing_of_it_is_lost(text):
    huge = SourceTurn(7, (Said("user", text), Said("assistant", "I see.")))
    found = [turn for part in parts((huge,), 500) for turn in part]
    assert {turn.seq for turn in found} == {7}
    assert "".join(said.text for turn in found for said in turn.said) == text + "I see."
    assert all(turn_bytes(turn) <= 500 * BYTES_PER_TOKEN for turn in found)


def test_a_cut_falls_between_words_where_there_are_any():
    pieces = [turn.said[0].text for part in parts(turns(("word " * 5_000,)), 500) for turn in part]
    assert all(piece.replace("word ", "") == "" for piece in pieces)


def test_every_part_carries_on_what_was_made_of_those_before():
    summarizer = Scripted(about, part_tokens=150)
    found, work = folded(summarizer)
    assert len(found.topics) == len(summarizer.asked) > 3
    assert found.problem == Statement("Question 1 about parcel 1", (1,))
    assert [part.previous is None for part in summarizer.asked][:2] == [True, False]
    assert (work.tokens_in, work.tokens_out) == (100 * len(summarizer.asked), 10 * len(summarizer.asked))


def test_only_newer_turns_are_read_when_a_draft_is_carried_on():
    summarizer = Scripted(about, part_tokens=10_000)
    before = draft("Question 1 about parcel 1", 1)
    found, _ = folded(summarizer, previous=before, after=38)
    [part] = summarizer.asked
    assert [turn.seq for turn in part.turns] == [39, 40]
    assert part.previous == before
    assert found.problem == before.problem


def test_words_and_deadline_are_told():
    summarizer = Scripted(about)
    until = time.monotonic() + 10
    with override_settings(SUMMARY_MOST_WORDS=33):
        folded(summarizer, until=until)
    [part] = summarizer.asked
    assert (part.most_words, part.deadline, part.complaint) == (33, until, "")


def test_an_answer_that_the_turns_do_not_support_is_asked_for_once_more_with_what_was_wrong():
    wrong = draft("The customer owes $99.", 1)
    summarizer = Scripted([wrong, draft("Question 1 about parcel 1", 1)])
    found, work = folded(summarizer)
    assert found.problem.text == "Question 1 about parcel 1"
    first, second = summarizer.asked
    assert first.complaint == ""
    assert "a number or an id" in second.complaint
    assert "99" not in second.complaint
    assert (second.turns, second.previous) == (first.turns, first.previous)
    assert work.tokens_in == 200


def test_an_answer_that_is_no_answer_is_asked_for_once_more():
    summarizer = Scripted(
        [BadAnswer("not_json", "It is no JSON.", tokens_in=50), about(Part(LONG, None, 60, 0))]
    )
    _, work = folded(summarizer)
    assert summarizer.asked[1].complaint == "It is no JSON."
    assert work.tokens_in == 150


def test_two_wrong_answers_are_the_end_and_are_paid_for():
    summarizer = Scripted([Answer(draft("The customer owes $99.", 1), 70, 7)])
    work = Folding(summarizer, until=time.monotonic() + 60)
    with pytest.raises(BadAnswer) as caught:
        fold(work, LONG, previous=None, after=0)
    assert caught.value.code == "ungrounded"
    assert "99" not in str(caught.value)
    assert (len(summarizer.asked), work.tokens_in, work.tokens_out) == (2, 140, 14)


@pytest.mark.parametrize(
    "error", [BadAnswer("refusal", "It declined."), BackendUnavailable("rate_limited", "Later.")]
)
def test_what_would_be_answered_alike_is_not_asked_again(error):
    summarizer = Scripted([error])
    with pytest.raises(type(error)):
        folded(summarizer)
    assert len(summarizer.asked) == 1


def test_a_conversation_stays_no_longer_than_it_may(monkeypatch):
    summarizer = Scripted(about, part_tokens=150, before=lambda part: monkeypatch.setattr(work, "until", 0.0))
    work = Folding(summarizer, until=time.monotonic() + 60)
    with pytest.raises(BadAnswer) as caught:
        fold(work, LONG, previous=None, after=0)
    assert caught.value.code == folding.OUT_OF_TIME
    assert (len(summarizer.asked), work.tokens_in) == (1, 100)


def test_citations_of_what_is_not_read_yet_are_wrong():
    summarizer = Scripted([draft("Question 40 about parcel 40", 40)], part_tokens=150)
    with pytest.raises(BadAnswer):
        folded(summarizer)
