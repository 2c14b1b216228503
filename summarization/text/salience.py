"""Which sentences say most about a conversation.

Three things are used, and each is an old and general finding. A word matters when it comes back, above all when both
sides use it: people who talk about one thing repeat its names (Luhn 1958; lexical cohesion). A customer says what is
wrong at the beginning, and the answer that counts stands towards the end. A second sentence earns its place only by
what the first has not said (maximal marginal relevance).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from summarization.draft import Role
from summarization.text.cues import orders_a_machine
from summarization.text.sentences import cut, ends_itself, sentences, size
from summarization.text.words import content

LEAST_CONTENT = 2  # words; a sentence with fewer is a greeting, an "and then?"
SHARED = 1.0  # what a word weighs more that both sides use; one that is said only once weighs log 2
WORTH_ADDING = 0.5  # of what the first sentence brought: what brings less is left out
LEAST_WORDS = 10  # up to here more is taken whatever it brings: "My phone is dead." alone says too little
LEAST_CUT = 8  # words; a shorter beginning of a sentence is not worth showing


class Sentence(NamedTuple):
    """One sentence and where it stands: its turn, its message (both ascending), its place within the message.

    ``words`` leaves room for the mark of a gap where the sentence does not end itself.
    """

    seq: int
    message: int
    place: int
    role: Role
    text: str
    words: int
    content: frozenset[str]


def read(messages: Iterable[tuple[int, Role, str]], language: str) -> list[Sentence]:
    """Return all sentences of messages, given as (turn number, role, text) in order."""
    found = []
    for message, (seq, role, text) in enumerate(messages):
        for place, one in enumerate(sentences(text)):
            words = size(one) + (not ends_itself(one))
            found.append(Sentence(seq, message, place, role, one, words, content(one, language)))
    return found


def weights(every: Sequence[Sentence]) -> dict[str, float]:
    """Return how much each word tells: the logarithm of how many messages have it, and more where both sides do."""
    messages: dict[int, set[str]] = {}
    users: set[str] = set()
    others: set[str] = set()
    for sentence in every:
        messages.setdefault(sentence.message, set()).update(sentence.content)
        (users if sentence.role == "user" else others).update(sentence.content)
    both = users & others
    found = Counter(chain.from_iterable(messages.values()))
    return {word: math.log(1 + count) + SHARED * (word in both) for word, count in found.items()}


def best_of(pool: Sequence[Sentence], says: Callable[[Sentence], float]) -> Sentence:
    """Return the sentence that says most; one that orders a machine about only where all of them do.

    The others are looked at only when the best is such a one: most conversations have none.
    """
    best = max(pool, key=says)
    if orders_a_machine(best.text):
        best = max((one for one in pool if not orders_a_machine(one.text)), key=says, default=best)
    return best


def chosen(
    candidates: Sequence[Sentence],
    weight: dict[str, float],
    where: Callable[[Sentence], float],
    most_words: int,
) -> list[Sentence]:
    """Return the sentences that say most within ``most_words``, in the order in which they were said.

    ``where`` is what a sentence's place is worth. The last one that was taken may be cut.
    """
    pool = [one for one in candidates if len(one.content) >= LEAST_CONTENT] or list(candidates)
    value = {id(one): where(one) for one in pool}
    covered: set[str] = set()
    taken: list[Sentence] = []
    first, left = 0.0, most_words

    def brings(one: Sentence) -> float:
        # Exactly rounded: a set's order, and with it a plain sum's last digit, differs from process to process.
        return value[id(one)] * math.fsum(weight[word] for word in one.content - covered)

    while pool and left > 0:
        best = best_of(pool, brings)
        gain = brings(best)
        first = first or gain
        enough = most_words - left >= LEAST_WORDS and gain < WORTH_ADDING * first
        if taken and (gain <= 0 or enough or orders_a_machine(best.text)):
            break
        taken.append(best._replace(text=cut(best.text, left)))
        covered |= best.content
        left -= best.words
        pool = [one for one in pool if one is not best and (left >= LEAST_CUT or one.words <= left)]
    return sorted(taken, key=lambda one: (one.message, one.place))
