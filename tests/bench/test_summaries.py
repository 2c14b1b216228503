"""How the quality of summaries is measured: the measures themselves, the controls, and what happens without gold."""

import json
from typing import Any

import pytest

from bench.figures import summaries
from bench.harness.result import BenchError
from bench.harness.sizes import SMOKE
from bench.summaries.contenders import BASELINES, oracle, ours, turns
from bench.summaries.gold import PATH, Dialogue, dialogues, labelled
from bench.summaries.judged import coverage, halves, human, interval, scores, wrong_dialogue
from bench.summaries.rouge import longest_common, overlap, score, words
from summarization.draft import Draft, Statement

LEAK = Dialogue(
    (
        ("user", "Hello. My machine leaks water.", "#Person1#"),
        ("agent", "Which model is it?", "#Person2#"),
        ("user", "A WM-200.", "#Person1#"),
        ("agent", "A technician repairs the machine on Friday.", "#Person2#"),
    ),
    ("The machine leaks water, a technician repairs it on Friday.", "A machine leaks."),
)
BILL = Dialogue(
    (
        ("user", "The invoice of October charges twice.", ""),
        ("agent", "The invoice is corrected tomorrow.", ""),
    ),
    ("The invoice charges twice and is corrected.", "An invoice is wrong."),
)


@pytest.mark.parametrize(
    ("said", "gold", "n", "f1"),
    [
        ("a b c d", "a b x", 1, 4 / 7),
        ("a b c d", "a b x", 2, 2 / 5),
        ("a a a", "a", 1, 1 / 2),
        ("a", "b", 1, 0),
        ("", "a", 1, 0),
    ],
)
def test_rouge_counts_shared_n_grams_once_for_each_time_they_occur_in_both(said, gold, n, f1):
    assert overlap(said.split(), gold.split(), n) == pytest.approx(f1)


def test_rouge_l_takes_the_longest_common_subsequence():
    assert longest_common(list("abcde"), list("aeabd")) == pytest.approx(3 / 5)


def test_forms_of_a_word_count_as_the_same():
    assert words("Repairs repaired repairing") == ["repair"] * 3


def test_a_constant_sentence_earns_nothing_by_content():
    constant = BASELINES["one constant sentence"](LEAK)
    gold = ("Customer is complaining about the leak. Agent asked the customer to wait.",)
    assert score(constant, gold, "R1") > 50
    assert score(constant, gold, "cR1") == 0


def test_several_golds_count_by_their_mean():
    assert score("machine leaks", LEAK.golds, "cR1") == pytest.approx(
        (score("machine leaks", LEAK.golds[:1], "cR1") + score("machine leaks", LEAK.golds[1:], "cR1")) / 2
    )


def test_a_summary_does_well_by_its_own_gold_and_badly_by_the_next():
    both = [LEAK, BILL]
    texts = [ours(one) for one in both]
    own = sum(scores(texts, [one.golds for one in both], "cR1")) / 2
    assert own > 50
    assert wrong_dialogue(texts, both, "cR1") == 0


def test_nothing_beats_the_sentences_that_are_chosen_by_the_gold():
    for contender in (*BASELINES.values(), ours):
        assert score(oracle(LEAK), LEAK.golds, "R1") >= score(contender(LEAK), LEAK.golds, "R1")


def test_people_are_judged_by_each_other():
    same = Dialogue(LEAK.turns, ("The machine leaks.", "The machine leaks."))
    assert human([same], "cR1") == 100
    assert human([LEAK, BILL], "cR1") < 100


def test_the_interval_holds_the_mean_and_does_not_change_from_run_to_run():
    found = [float(n % 7) for n in range(100)]
    low, high = interval(found)
    assert low < sum(found) / 100 < high
    assert interval(found) == (low, high)
    assert halves([1.0, 2.0, 1.0, 2.0]) == (1.0, 2.0)


def test_coverage_counts_the_dialogues_that_topics_cite():
    long = [
        Dialogue(
            tuple(
                ("user" if n % 2 == 0 else "agent", f"The {what} number {n} of {what}.", "")
                for n in range(20)
            ),
            (),
        )
        for what in ("parcel", "invoice", "password", "contract")
    ]
    assert coverage(long, matters=4, conversations=3, parts=1) == 100


def test_labels_stand_before_what_is_said():
    assert labelled(LEAK).turns[1][1] == "#Person2#: Which model is it?"


def test_what_nobody_said_is_found():
    said = turns(LEAK)
    assert summaries.stands(Draft(Statement("My machine leaks … Which model is it?", (1, 2)), None), said)
    assert not summaries.stands(Draft(Statement("My machine burns.", (1,)), None), said)
    assert not summaries.stands(Draft(Statement("Which model is it?", (1,)), None), said)


def test_without_gold_summaries_it_says_so_and_measures_the_rest(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(PATH, str(tmp_path / "absent.jsonl"))
    found = summaries.measure(SMOKE)
    assert [figure.name for figure in found] == [
        "topics kept of 4, read at once",
        "topics kept of 4, read in 3 parts",
    ]
    assert "Quality is not measured" in capsys.readouterr().err


def test_with_gold_summaries_every_bar_is_measured(tmp_path, monkeypatch):
    write(tmp_path / "gold.jsonl", tweetsumm=[LEAK, BILL], dialogsum=[LEAK, BILL])
    monkeypatch.setenv(PATH, str(tmp_path / "gold.jsonl"))
    names = [figure.name for figure in summaries.measure(SMOKE)]
    assert {"TweetSumm cR1", "TweetSumm cR2", "DialogSum R1", "longest summary"} <= set(names)


def test_a_file_without_the_sources_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "gold.jsonl", other=[LEAK])
    monkeypatch.setenv(PATH, str(tmp_path / "gold.jsonl"))
    with pytest.raises(BenchError, match="no gold summaries of tweetsumm and dialogsum"):
        summaries.measure(SMOKE)


def test_dialogues_come_by_source(tmp_path):
    write(tmp_path / "gold.jsonl", one=[LEAK], other=[BILL])
    assert dialogues(tmp_path / "gold.jsonl") == {"one": [LEAK], "other": [BILL]}


def write(path: Any, **sources: list[Dialogue]) -> None:
    lines = [
        {
            "source": source,
            "turns": [{"role": role, "text": text, "speaker": speaker} for role, text, speaker in one.turns],
            "summary": list(one.golds),
        }
        for source, some in sources.items()
        for one in some
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
