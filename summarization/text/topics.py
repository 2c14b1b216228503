"""What a conversation was about, one matter after the other: a few verbatim words for each stretch of it.

The stretches are of even length. Where a conversation turns to another matter can be told by its words (Utiyama and
Isahara, ACL 2001), and that was tried: in messages this short it finds no more matters than even stretches do, and
misses more. What two stretches have in common is then said once.
"""

import math
import re
from collections.abc import Sequence

from summarization.draft import Statement
from summarization.text.salience import Sentence, best_of, weights
from summarization.text.sentences import WORD_CHARACTERS
from summarization.text.words import content

MOST_TOPICS = 8
STRETCH = 6  # messages, three exchanges; more where there would be too many stretches
TOPIC_WORDS = 10
ONLY_TOPIC_WORDS = 5  # of a conversation about one thing: the problem says the rest
SAME = 0.7  # of the shorter topic's words: what shares as many is the same matter
SENTENCE_WORDS = 200  # of an unpunctuated flood are looked at
_EDGES = re.compile(r"^[^\w<\[(#]+|[^\w\]>)]+$")


def topics(every: Sequence[Sentence], language: str) -> list[Statement]:
    """Return the topics of a conversation in order, at most ``MOST_TOPICS``; none where nothing was said."""
    if not every:
        return []
    messages = every[-1].message + 1
    count = max(1, min(MOST_TOPICS, messages // STRETCH))
    stretches: list[list[Sentence]] = [[] for _ in range(count)]
    for sentence in every:
        stretches[sentence.message * count // messages].append(sentence)
    most = TOPIC_WORDS if count > 1 else ONLY_TOPIC_WORDS
    named = [_name(stretch, most, language) for stretch in stretches]
    return distinct([topic for topic in named if topic], language)


def distinct(every: Sequence[Statement], language: str) -> list[Statement]:
    """Return topics without those that say again what an earlier one says.

    Of too many, those go first that stand closest behind another: what was talked about at another time is kept.
    """
    kept: list[Statement] = []
    known: list[frozenset[str]] = []
    for topic in every:
        words = content(topic.text, language)
        if not any(len(words & other) >= SAME * max(min(len(words), len(other)), 1) for other in known):
            kept.append(topic)
            known.append(words)
    while len(kept) > MOST_TOPICS:
        del kept[min(range(1, len(kept)), key=lambda at: kept[at].citations[0] - kept[at - 1].citations[0])]
    return kept


def _name(stretch: Sequence[Sentence], most: int, language: str) -> Statement | None:
    """What the user says in a stretch names it; where the user says nothing, what is said at all."""
    said = [one for one in stretch if one.role == "user" and one.content] or [
        one for one in stretch if one.content
    ]
    if not said:
        return None
    weight = weights(stretch)
    begin, length = stretch[0].message, stretch[-1].message - stretch[0].message + 1

    def tells(one: Sentence) -> float:
        """A matter is named when it is first spoken of: the end of a stretch counts for half."""
        return math.fsum(weight[word] for word in one.content) * (1 - (one.message - begin) / length / 2)

    best = best_of(said, tells)
    text = _most_telling(best.text, weight, most, language)
    return Statement(text, (best.seq,)) if text else None


def _most_telling(sentence: str, weight: dict[str, float], most: int, language: str) -> str:
    """Return the run of at most ``most`` words that says most, without empty words at its ends."""
    words = sentence.split()[:SENTENCE_WORDS]
    told = [math.fsum(weight.get(stem, 0.0) for stem in content(word, language)) for word in words]
    begin = max(range(max(len(words) - most, 0) + 1), key=lambda at: sum(told[at : at + most]))
    end = min(begin + most, len(words))
    while end - begin > 1 and not told[begin]:
        begin += 1
    while end - begin > 1 and not told[end - 1]:
        end -= 1
    while end - begin > 1 and len(" ".join(words[begin:end])) > most * WORD_CHARACTERS:
        end -= 1  # half an address, or half an id, is another one
    return _EDGES.sub("", " ".join(words[begin:end])[: most * WORD_CHARACTERS])
