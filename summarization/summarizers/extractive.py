"""Summarises with the conversation's own sentences: offline, without a model, the same answer each time.

The problem is what the user says that tells most, early rather than late; the solution, what the other side says that
tells most, late rather than early (``text/salience.py``). Every statement is made of whole sentences, or of beginnings
of sentences, as they stand in the turns that it cites; the only text that nobody said is the mark of a gap (``GAP``).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from summarization.draft import Draft, Role, Statement
from summarization.language import UNKNOWN, language_of
from summarization.summarizers.port import Answer, Part
from summarization.text.cues import is_question, says_it_is_over
from summarization.text.salience import Sentence, chosen, read, weights
from summarization.text.sentences import GAP, cut, ends_itself
from summarization.text.topics import TOPIC_WORDS, distinct, topics

PROBLEM_SHARE = 0.5  # of the words; people need more of them to say what is wrong
SOLUTION_SHARE = 5 / 12  # the rest is the topic's
# How fast a place loses its worth: by e^-5 from the first message to the last. A customer opens with the problem; the
# answer takes several messages, so that its place tells less.
PROBLEM_FADES, SOLUTION_FADES = 5.0, 2.0
ANYWHERE = 0.15  # what any place is worth at least: a matter may come up late
MOST_QUESTIONS, QUESTION_WORDS = 3, 20

Messages = list[tuple[int, Role, str]]


class Extractive:
    """The summariser that always answers. It keeps nothing between calls."""

    name = "extractive"
    model = "holdfast-extractive-1"
    prompt_version = "1"
    part_tokens = 200_000  # a conversation that is longer is folded
    most_tokens_out = 0
    seconds = 10.0
    batch = 50

    def summarize(self, part: Part) -> Answer:
        """Return a draft of the part, laid over ``previous``. Never raises, whatever was said."""
        messages: Messages = [(turn.seq, said.role, said.text) for turn in part.turns for said in turn.said]
        language = _language(messages, part.previous)
        every = read(messages, language)
        weight = weights(every)
        over = _is_over(messages)
        unanswered = () if over else _open_questions(every)
        draft = Draft(
            problem=_problem(every, weight, int(part.most_words * PROBLEM_SHARE)),
            solution=_solution(every, weight, int(part.most_words * SOLUTION_SHARE)),
            status="resolved" if over else "open" if unanswered else None,
            topics=tuple(topics(every, language)),
            open_questions=unanswered,
            language=language,
        )
        return Answer(_laid_over(part.previous, draft, every) if part.previous else draft)

    def close(self) -> None:
        """There is nothing to give back."""


def _language(messages: Messages, previous: Draft | None) -> str:
    """The user's own; where it cannot be told, that of everything said, or the one it was before."""
    found = language_of(text for _, role, text in messages if role == "user")
    if found == UNKNOWN:
        found = language_of(text for _, _, text in messages)
    return previous.language if previous and found == UNKNOWN else found


def _problem(every: Sequence[Sentence], weight: dict[str, float], most: int) -> Statement | None:
    said = [one for one in every if one.role == "user"]
    last = max(every[-1].message, 1) if every else 1
    return _statement(chosen(said, weight, lambda one: _worth(one.message / last, PROBLEM_FADES), most))


def _solution(every: Sequence[Sentence], weight: dict[str, float], most: int) -> Statement | None:
    said = [one for one in every if one.role != "user"]
    last = max(every[-1].message, 1) if every else 1
    return _statement(chosen(said, weight, lambda one: _worth(1 - one.message / last, SOLUTION_FADES), most))


def _worth(distance: float, fades: float) -> float:
    """What a place is worth, by how far it lies from where such things are said: 0 for there, 1 for the other end."""
    return ANYWHERE + (1 - ANYWHERE) * math.exp(-fades * distance)


def _statement(pieces: Sequence[Sentence]) -> Statement | None:
    """Join sentences in the order said, with a mark after each that does not end by itself."""
    if not pieces:
        return None
    text = pieces[0].text
    for before, piece in pairwise(pieces):
        text += f" {piece.text}" if ends_itself(before.text) else f" {GAP} {piece.text}"
    return Statement(text, tuple(sorted({piece.seq for piece in pieces})))


def _is_over(messages: Messages) -> bool:
    """Tell whether the customer's last words settle it. The other side may have said goodbye after them."""
    roles = [role for _, role, _ in messages]
    last = max((at for at, role in enumerate(roles) if role == "user"), default=-1)
    # Thanks that come before any answer are politeness.
    answered = any(role != "user" for role in roles[: max(last, 0)])
    return answered and last >= len(roles) - 2 and says_it_is_over(messages[last][2])


def _open_questions(every: Sequence[Sentence]) -> tuple[Statement, ...]:
    """What the user asked after the other side's last words."""
    answered = max((one.message for one in every if one.role != "user"), default=-1)
    asked = [one for one in every if one.message > answered and one.content and is_question(one.text)]
    return tuple(Statement(cut(one.text, QUESTION_WORDS), (one.seq,)) for one in asked[-MOST_QUESTIONS:])


def _laid_over(previous: Draft, newer: Draft, every: Sequence[Sentence]) -> Draft:
    """The first problem stays, the newest answer stands, every topic is kept, questions stay open until answered."""
    answered = newer.status == "resolved" or any(one.role != "user" for one in every)
    earlier = () if answered else previous.open_questions
    known = previous.topics
    if not known and previous.problem:
        known = (Statement(cut(previous.problem.text, TOPIC_WORDS), previous.problem.citations),)
    return replace(
        newer,
        problem=previous.problem or newer.problem,
        solution=newer.solution or previous.solution,
        topics=tuple(distinct([*known, *newer.topics], newer.language)),
        open_questions=(*earlier, *newer.open_questions)[-MOST_QUESTIONS:],
        status=newer.status if every else previous.status,
    )
