"""``unworthy``: why a conversation needs no summary, as its own few words say all there is."""

import re

from summarization.draft import Source
from summarization.language import language_of
from summarization.text.words import content

LEAST_EXCHANGES = 2
EMPTY, TOO_SHORT, TRIVIAL = "empty", "too_short", "trivial"
_SEVERAL_WORDS = re.compile(r"\w\W+\w|[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{3}")


def unworthy(source: Source) -> str:
    """Return "" when a summary is worth making, else the reason: ``empty``, ``too_short`` or ``trivial``."""
    if not source.turns:
        return EMPTY
    if exchanges(source) < LEAST_EXCHANGES:
        return TOO_SHORT
    return "" if says_something(source) else TRIVIAL


def exchanges(source: Source) -> int:
    """Count how often something that the customer said was followed by an answer; two messages are one exchange.

    Several messages in a row are one question, or one answer; a greeting before the customer speaks is none.
    """
    answered, asked = 0, False
    for said in (said for turn in source.turns for said in turn.said):
        if said.role == "user":
            asked = True
        elif asked:
            answered, asked = answered + 1, False
    return answered


def says_something(source: Source) -> bool:
    """Say whether the customer says more than greetings, thanks, single words, numbers and signs."""
    texts = [said.text for turn in source.turns for said in turn.said if said.role == "user"]
    language = language_of(texts)
    return any(
        not word.isdigit()
        for text in texts
        if _SEVERAL_WORDS.search(text)
        for word in content(text, language)
    )
