"""ROUGE, plain and of content words only.

The definitions are those that give the published baselines back (LEAD-3, LONGEST-3, first user + last agent turn):
words are lower-cased runs of letters and digits, cut down to their stems; F1 against each gold summary, and the mean
over them. Content ROUGE drops stop words, and the boilerplate that every gold summary has ("Customer is complaining
that … Agent updated …"): by plain ROUGE a constant sentence made of it beats LEAD-3.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from stop_words import get_stop_words

BOILERPLATE = """
customer customers agent agents user person1 person2 asking asks ask asked complaining complains complaint says said
saying tells told informs informed inform updated updates update states stated requests requested requesting replies
replied enquiring enquiry inquiring suggests suggested wants please thanks thank sorry hi hello help link
"""
# TweetSumm's text has lost its apostrophes.
WITHOUT_APOSTROPHE = (
    "s t m ve re ll d im ive id dont doesnt didnt cant wont isnt youre were theyre thats well u ur"
)
_WORD = re.compile(r"[a-z0-9]+")
_ENDINGS = ("ingly", "edly", "ings", "ing", "ed", "ies", "es", "ly", "s", "e", "y")


def words(text: str) -> list[str]:
    """Return the stems of all words."""
    return [stem(word) for word in _WORD.findall(text.lower())]


def content_words(text: str) -> list[str]:
    """Return the stems of the words that are neither stop words nor boilerplate."""
    return [stem(word) for word in _WORD.findall(text.lower()) if word not in _empty_words()]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Cut English endings off. Cruder than Porter's, by which the figures move by less than half a point."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=1)
def _empty_words() -> frozenset[str]:
    published = [part for word in get_stop_words("en") for part in _WORD.findall(word)]
    return frozenset([*published, *WITHOUT_APOSTROPHE.split(), *BOILERPLATE.split()])


def overlap(said: Sequence[str], gold: Sequence[str], n: int) -> float:
    """Return the F1 of the n-grams that two texts share, 0 to 1."""
    ours, theirs = _grams(said, n), _grams(gold, n)
    return _f1((ours & theirs).total(), ours.total(), theirs.total())


def longest_common(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence, 0 to 1."""
    row = [0] * (len(gold) + 1)
    for word in said:
        diagonal = 0
        for at, other in enumerate(gold, 1):
            diagonal, row[at] = row[at], diagonal + 1 if word == other else max(row[at], row[at - 1])
    return _f1(row[-1], len(said), len(gold))


def _grams(text: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[at : at + n]) for at in range(len(text) - n + 1))


def _f1(shared: int, ours: int, theirs: int) -> float:
    return 2 * shared / (ours + theirs) if shared else 0.0


MEASURES: Mapping[str, Callable[[str, str], float]] = {
    "cR1": lambda said, gold: overlap(content_words(said), content_words(gold), 1),
    "cR2": lambda said, gold: overlap(content_words(said), content_words(gold), 2),
    "R1": lambda said, gold: overlap(words(said), words(gold), 1),
    "R2": lambda said, gold: overlap(words(said), words(gold), 2),
    "RL": lambda said, gold: longest_common(words(said), words(gold)),
}


def score(said: str, golds: Sequence[str], measure: str) -> float:
    """Return the mean over several gold summaries, in percent."""
    return 100 * sum(MEASURES[measure](said, gold) for gold in golds) / len(golds)
