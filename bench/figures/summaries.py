"""How good the extractive summaries are, against gold summaries, beside baselines, controls and people.

A bar that an unlucky sample could miss says so: the note has the 95 % interval and both halves. The limit is what
people reach (a gold summary scored by the others of its dialogue), or the best sentences chosen with the gold in sight.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from statistics import fmean

from bench.harness.private import PROJECT
from bench.harness.result import BenchError, Figure, at_least, at_most
from bench.harness.sizes import SMOKE, Size
from bench.summaries.contenders import BASELINES, drafted, lead3, oracle, ours, turns
from bench.summaries.gold import MISSING, PATH, Dialogue, dialogues, labelled, path
from bench.summaries.judged import all_scores, coverage, halves, human, interval, scores, wrong_dialogue
from summarization.draft import Draft, SourceTurn
from summarization.text.sentences import GAP, sentences

TWEETS, CHATS = "tweetsumm", "dialogsum"
MOST_WORDS = 60
SMOKE_DIALOGUES = 6
TOPICS, PARTS, LEAST_TURNS = 4, 3, 6
PEOPLE, BEST = "people, leaving one out", "the best sentences, chosen by the gold"
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


def measure(size: Size) -> list[Figure]:
    """Summarise what has gold summaries, and conversations made of four dialogues of the repository's own sample."""
    few = SMOKE_DIALOGUES if size is SMOKE else None
    own = [one for some in dialogues(PROJECT / "sample" / "dialogues.jsonl").values() for one in some]
    lines = topics_kept([one for one in own if len(one.turns) >= LEAST_TURNS], conversations=few or 100)
    if not path().exists():
        print(MISSING.format(path=path(), name=PATH), file=sys.stderr)
        return lines
    found = dialogues(path())
    golden = {name: [one for one in found.get(name, ()) if one.golds][:few] for name in (TWEETS, CHATS)}
    if not all(golden.values()):
        raise BenchError(f"{path()} has no gold summaries of {TWEETS} and {CHATS}.")
    if not few:
        compare(golden)
    every = [one for some in golden.values() for one in some]
    return [*tweets(golden[TWEETS]), *chats(golden[CHATS]), *honest(every), *lines]


def tweets(among: Sequence[Dialogue]) -> list[Figure]:
    """The bars of customer service: content ROUGE, and what is left of it against another dialogue's gold."""
    texts = [ours(one) for one in among]
    golds = [one.golds for one in among]
    lines = [
        bar("TweetSumm cR1", scores(texts, golds, "cR1"), 37, human(among, "cR1"), PEOPLE),
        bar("TweetSumm cR2", scores(texts, golds, "cR2"), 20, human(among, "cR2"), PEOPLE),
    ]
    control = wrong_dialogue(texts, among, "cR1")
    own = fmean(scores(texts, golds, "cR1"))
    name = "TweetSumm cR1 against the next dialogue's gold"
    return [*lines, at_most(name, control, "%", 10, own, "against its own")]


def chats(among: Sequence[Dialogue]) -> list[Figure]:
    """Plain R1 of everyday conversations: as the text is, and with the source's speaker labels in it."""
    golds = [one.golds for one in among]
    lines = []
    for what, shown in (("", among), (", labels in the text", [labelled(one) for one in among])):
        found = scores([ours(one) for one in shown], golds, "R1")
        best = fmean(scores([oracle(one) for one in shown], golds, "R1"))
        lead = fmean(scores([lead3(one) for one in shown], golds, "R1"))
        lines.append(bar(f"DialogSum R1{what}", found, 27, best, BEST, f"LEAD-3 {lead:.1f}, "))
    return lines


def bar(
    name: str, found: Sequence[float], least: float, limit: float, limit_is: str, note: str = ""
) -> Figure:
    (low, high), (one, other) = interval(found), halves(found)
    note += f"95 %: {low:.1f} to {high:.1f}, halves {one:.1f} and {other:.1f}"
    return at_least(name, fmean(found), "%", least, limit, limit_is, note)


def honest(among: Sequence[Dialogue]) -> list[Figure]:
    """Nothing is said that was not said, and not too much."""
    longest = max(len(ours(one).split()) for one in among)
    mean = fmean(len(ours(one).split()) for one in among)
    verbatim = [stands(drafted(one), turns(one)) for one in among]
    return [
        at_most("longest summary", longest, "words", MOST_WORDS, mean, "the mean"),
        at_least("statements that stand in the turns cited", 100 * fmean(verbatim), "%", 100, 100, "all"),
    ]


def stands(draft: Draft, said: Sequence[SourceTurn]) -> bool:
    """Tell whether each sentence, and each piece between gaps, stands in a turn that its statement cites."""
    cited = {
        turn.seq: " ".join(one for message in turn.said for one in sentences(message.text)) for turn in said
    }
    return all(
        any(piece in cited[seq] for seq in statement.citations)
        for statement in draft.statements()
        for part in statement.text.split(GAP)
        for piece in _SENTENCE_END.split(part.strip())
    )


def topics_kept(among: Sequence[Dialogue], *, conversations: int) -> list[Figure]:
    """Long conversations about four things keep them, read at once and folded."""
    lines = []
    for parts in (1, PARTS):
        kept = coverage(among, matters=TOPICS, conversations=conversations, parts=parts)
        how = f"in {parts} parts" if parts > 1 else "at once"
        lines.append(at_least(f"topics kept of {TOPICS}, read {how}", kept, "%", 90, 100, "all"))
    return lines


def compare(golden: Mapping[str, Sequence[Dialogue]]) -> None:
    """Print what the table has no room for: each contender by each measure, F1 in percent, mean over the golds."""
    for name, among in golden.items():
        for who, contender in {**BASELINES, "best sentences": oracle, "ours": ours}.items():
            found = all_scores(contender, among)
            figures = "  ".join(f"{measure} {value:4.1f}" for measure, value in found.items())
            print(f"{name:10} {who:24} {figures}", file=sys.stderr)
        texts = [ours(one) for one in among]
        shifted = "  ".join(f"{m} {wrong_dialogue(texts, among, m):4.1f}" for m in ("cR1", "cR2", "R1"))
        print(f"{name:10} {'ours, wrong dialogue':24} {shifted}", file=sys.stderr)
