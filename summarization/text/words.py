"""Words that carry meaning: what is left of a text without function words and courtesies."""

import re
from itertools import pairwise

from summarization.text.empty_words import empty_words

STEM = 6  # letters: "refund", "refunds" and "refunded" are one word, and so are "reembolso" and "reembolsar"
LONGEST = 40  # what is longer is an address, a token or noise, and says nothing about the matter

_WORD = re.compile(r"\w+")
# Scripts that put no space between words: there two neighbouring letters stand for a word.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def content(text: str, language: str) -> frozenset[str]:
    """Return the stems of the words in ``text`` that carry meaning in ``language`` (ISO 639-1, or ``und``)."""
    empty = empty_words(language)
    found = _WORD.findall(text.casefold().replace("'", "").replace("’", ""))
    stems = {word[:STEM] for word in found if 1 < len(word) <= LONGEST and word not in empty}
    if _UNSPACED.search(text):
        stems |= {a + b for a, b in pairwise(text) if _UNSPACED.match(a) and _UNSPACED.match(b)}
    return frozenset(stems)
