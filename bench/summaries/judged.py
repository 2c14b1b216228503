"""From texts and gold summaries to figures: means, how far chance could move them, controls, coverage of topics."""

import random
from collections.abc import Callable, Sequence
from statistics import fmean, quantiles

from django.conf import settings

from bench.summaries.contenders import turns
from bench.summaries.gold import Dialogue
from bench.summaries.rouge import MEASURES, score
from summarization.summarizers.extractive import Extractive
from summarization.summarizers.port import Part

RESAMPLES = 1000
SEED = 5  # chance must not change the figures from run to run


def scores(texts: Sequence[str], golds: Sequence[Sequence[str]], measure: str) -> list[float]:
    """Return one score a dialogue, in percent."""
    return [score(text, gold, measure) for text, gold in zip(texts, golds, strict=True)]


def all_scores(contender: Callable[[Dialogue], str], among: Sequence[Dialogue]) -> dict[str, float]:
    """Return the mean of each measure."""
    texts, golds = [contender(one) for one in among], [one.golds for one in among]
    return {measure: fmean(scores(texts, golds, measure)) for measure in MEASURES}


def human(among: Sequence[Dialogue], measure: str) -> float:
    """Return how each gold summary does against the others of its dialogue: leave one out."""
    found = [
        fmean(
            score(gold, (*one.golds[:at], *one.golds[at + 1 :]), measure) for at, gold in enumerate(one.golds)
        )
        for one in among
        if len(one.golds) > 1
    ]
    return fmean(found)


def wrong_dialogue(texts: Sequence[str], among: Sequence[Dialogue], measure: str) -> float:
    """Return the score of each text against the next dialogue's gold: what is earned by sounding like a summary."""
    shifted = [*among[1:], among[0]]
    return fmean(scores(texts, [one.golds for one in shifted], measure))


def interval(found: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean."""
    dice = random.Random(SEED)
    cuts = quantiles((fmean(dice.choices(found, k=len(found))) for _ in range(RESAMPLES)), n=40)
    return cuts[0], cuts[-1]


def halves(found: Sequence[float]) -> tuple[float, float]:
    """Return the means of every other dialogue, and of the rest."""
    return fmean(found[::2]), fmean(found[1::2])


def coverage(among: Sequence[Dialogue], *, matters: int, conversations: int, parts: int) -> float:
    """Return the share of matters that a long conversation's topics keep, in percent.

    Such a conversation is several dialogues one after the other; a dialogue is kept when a topic cites it. With several
    ``parts`` it is folded.
    """
    dice = random.Random(SEED)
    kept = 0
    for _ in range(conversations):
        some = dice.sample(among, matters)
        whole = turns(Dialogue(tuple(turn for one in some for turn in one.turns), ()))
        belongs = [at for at, one in enumerate(some) for _ in one.turns]
        step = -(-len(whole) // parts)
        draft = None
        for begin in range(0, len(whole), step):
            part = Part(whole[begin : begin + step], draft, settings.SUMMARY_MOST_WORDS, deadline=0)
            draft = Extractive().summarize(part).draft
        assert draft is not None
        kept += len({belongs[seq - 1] for topic in draft.topics for seq in topic.citations})
    return 100 * kept / (conversations * matters)
