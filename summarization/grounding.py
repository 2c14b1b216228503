"""``complaints``: what a summary says that the transcript does not.

A statement made of stretches of the turns that it cites is supported, whatever it says; so the extractive summariser
is judged by the same rules, at the cost of a search. Anything else must cite turns that were read, share words with
them, and name no id, number, date, link or address that does not stand there. Words are compared leniently, because a
paraphrase uses others; figures strictly, because nobody paraphrases an order number. Complaints quote nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from summarization.draft import Draft, SourceTurn, Statement
from summarization.facts import Facts, facts_of, folded, invented
from summarization.language import UNKNOWN, language_of
from summarization.text.sentences import GAP, one_line
from summarization.text.words import content

MOST_TOPICS, MOST_QUESTIONS, MOST_CITATIONS = 12, 12, 60
LONGEST_STATEMENT, LONGEST_TOPIC, LONGEST_QUESTION = 3_000, 250, 500  # characters
LEAST_WORDS_FOR_A_PROBLEM = 5  # said by users; less may well have none
LEAST_WORDS_FOR_A_LANGUAGE = 12  # of an answer; a name or a loan word would decide over fewer
# Share of a statement's words that its turns must hold too, and from how many words on one alone is not enough.
LEAST_SHARE, ONE_IS_ENOUGH = 0.15, 6
# Characters without a space; what is longer may be quoted in part, for a reader sees that it is.
LONGEST_RUN = 80
# Instructions to whoever reads the summary next, and marks by which a page or a prompt takes it for more than text.
_INSTRUCTION = re.compile(
    r"\b(?:ignor(?:e|a|em)|disregard|forget|override|bypass|esque[cç](?:a|e|am)|desconsider(?:e|a|em))\b"
    r".{0,40}\b(?:instruction|instru[cç]|prompt|rules?\b|regras?\b)"
    r"|^\W*(?:system|assistant|developer|sistema) ?:|\b(?:act as|pretend to be) (?:dan|an? ai|an? assistant)\b"
    r"|\bsystem prompt\b|\bas an ai\b|\blanguage model\b|\bmodelo de linguagem\b|\byou are now\b"
)
_MARKUP = re.compile(
    r"<[a-z/!?|][^<>]*>?|```|\]\(|(?:java|vb)script:|\bdata:[a-z]+/|&(?:#x?[0-9a-f]+|lt|gt|quot|amp);"
)
# Where one stretch may end and another begin: after a sentence, and at the mark of a gap.
_BETWEEN = re.compile(rf" ?{re.escape(GAP)} ?|(?<=[.!?…。！？؟।]) |(?<=[.!?…][\"')\]]) ")
_EDGE = re.compile(r"[^\W_]")


def complaints(draft: Draft, turns: Sequence[SourceTurn]) -> list[str]:
    """Return what is wrong with a draft of these turns, as sentences for whoever wrote it; [] when nothing is.

    Cost is linear in the text of the turns.
    """
    transcript = _Transcript(turns)
    found = [*_too_much(draft)]
    if draft.problem is None and transcript.users_words >= LEAST_WORDS_FOR_A_PROBLEM:
        found.append("There is no problem, although the customer says something.")
    paraphrased: list[str] = []
    for name, statement, longest in _named(draft):
        wrong = [*_cited(statement, transcript)]
        if not wrong and not transcript.quotes(statement):
            paraphrased.append(statement.text)
            wrong = [*_unsupported(statement, transcript, topic=name.startswith("Topic"))]
        if len(statement.text) > longest:
            wrong.append("is too long")
        found += [f"{name} {reason}." for reason in dict.fromkeys(wrong)]
    if _in_another_language(paraphrased, transcript):
        found.append("The answer is not in the language of the conversation.")
    return found


class _Transcript:
    """The turns, in the forms in which statements are compared with them; each is made when it is first asked for."""

    def __init__(self, turns: Sequence[SourceTurn]) -> None:
        self._turns = turns
        self._plain: dict[int, str] = {}

    @cached_property
    def texts(self) -> Mapping[int, str]:
        """All that was said, by turn; a turn that was cut comes in several pieces."""
        by_seq: dict[int, list[str]] = {}
        for turn in self._turns:
            by_seq.setdefault(turn.seq, []).extend(said.text for said in turn.said)
        return {seq: "\n".join(texts) for seq, texts in by_seq.items()}

    @cached_property
    def facts(self) -> Facts:
        return facts_of("\n".join(self.texts.values()))

    @cached_property
    def users(self) -> list[str]:
        return [said.text for turn in self._turns for said in turn.said if said.role == "user"]

    @cached_property
    def users_words(self) -> int:
        """How many words the customer said, counted no further than matters."""
        return sum(
            1
            for text in self.users
            for _, word in zip(range(20), text.split(), strict=False)
            if _EDGE.search(word)
        )

    def of(self, statement: Statement) -> str:
        """Return the text of the turns that it cites."""
        return "\n".join(self.texts[seq] for seq in statement.citations)

    def quotes(self, statement: Statement) -> bool:
        """Say whether it is made of stretches of the turns that it cites, whole words and all."""
        pieces = [piece for piece in _BETWEEN.split(one_line(statement.text)) if piece]
        cited = [self._one_line(seq) for seq in statement.citations]
        return bool(pieces) and all(any(_stands_in(piece, text) for text in cited) for piece in pieces)

    def _one_line(self, seq: int) -> str:
        if seq not in self._plain:
            self._plain[seq] = one_line(self.texts[seq])
        return self._plain[seq]


def _stands_in(wanted: str, text: str) -> bool:
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        long_run = len(wanted) - wanted.rfind(" ") > LONGEST_RUN
        if not _splits(text, start) and (long_run or not _splits(text, end)):
            return True
        start = text.find(wanted, end)
    return False


def _splits(text: str, place: int) -> bool:
    """Say whether a cut here goes through a word or a number: half an id is another id."""
    around = text[max(place - 1, 0) : place + 1]
    return 0 < place < len(text) and around.isascii() and around.isalnum()


def _named(draft: Draft) -> Iterator[tuple[str, Statement, int]]:
    for name, statement in (("The problem", draft.problem), ("The solution", draft.solution)):
        if statement is not None:
            yield name, statement, LONGEST_STATEMENT
    for number, topic in enumerate(draft.topics, 1):
        yield f"Topic {number}", topic, LONGEST_TOPIC
    for number, question in enumerate(draft.open_questions, 1):
        yield f"Open question {number}", question, LONGEST_QUESTION


def _too_much(draft: Draft) -> Iterator[str]:
    if len(draft.topics) > MOST_TOPICS:
        yield f"There are more than {MOST_TOPICS} topics."
    if len(draft.open_questions) > MOST_QUESTIONS:
        yield f"There are more than {MOST_QUESTIONS} open questions."


def _cited(statement: Statement, transcript: _Transcript) -> Iterator[str]:
    cited = statement.citations
    if not statement.text.strip():
        yield "is empty"
    if not cited:
        yield "cites no turn"
    if any(seq not in transcript.texts for seq in cited):
        yield "cites a turn in which nobody said anything, or that does not exist"
    if list(cited) != sorted(set(cited)) or len(cited) > MOST_CITATIONS:
        yield f"must cite each turn once, in ascending order, {MOST_CITATIONS} at most"


def _unsupported(statement: Statement, transcript: _Transcript, *, topic: bool) -> Iterator[str]:
    text = folded(statement.text)
    everything = transcript.facts
    if not _EDGE.search(text):
        yield "says nothing"
    kinds = list(invented(statement.text, everything))
    yield from (f"names {kind} that is not in the transcript" for kind in kinds)
    if any(mark[0] not in everything.text for mark in _MARKUP.finditer(text)):
        yield "holds markup"
    if _INSTRUCTION.search(text):
        yield "gives instructions; say what happened instead"
    if kinds:
        return
    cited = transcript.of(statement)
    if any(invented(statement.text, facts_of(cited))):
        yield "names a number, a date or an id that is not in the turns that it cites; cite those that hold it"
    # A topic is named in two or three words, often others than those that were used.
    elif not topic and not _shares_words(statement.text, cited):
        yield "is not what the turns say that it cites"


def _shares_words(text: str, cited: str) -> bool:
    words = content(text, UNKNOWN)
    if not words:  # it says nothing
        return False
    shared = len(words & content(cited, UNKNOWN))
    return shared >= max(1 if len(words) < ONE_IS_ENOUGH else 2, LEAST_SHARE * len(words))


def _in_another_language(paraphrased: list[str], transcript: _Transcript) -> bool:
    if sum(len(text.split()) for text in paraphrased) < LEAST_WORDS_FOR_A_LANGUAGE:
        return False
    answered, asked = language_of(paraphrased), language_of(transcript.users)
    return UNKNOWN not in (answered, asked) and answered != asked
