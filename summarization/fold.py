"""``fold``: bring a conversation of any length past a summariser that reads only so much at once.

A conversation that is too long is read in parts; each answer is carried into the next part, so that what was said
early is not lost. Every answer is checked as it comes, and asked for once more with what was wrong about it: an error
that passed would be carried to the end.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings

from summarization.draft import Draft, Said, SourceTurn
from summarization.grounding import complaints
from summarization.summarizers.port import Answer, BadAnswer, Part, Summarizer, SummarizerError

BYTES_PER_TOKEN = 3
# What a message costs beside its text: its turn's number, its role, quotes and braces.
MESSAGE_BYTES = 36
# A conversation's longest stay with a summariser; the caller's lease is longer.
MOST_SECONDS = 110.0
UNGROUNDED, OUT_OF_TIME = "ungrounded", "out_of_time"
# The same question would be answered the same way.
NO_USE_ASKING = frozenset({OUT_OF_TIME, "too_long", "filtered", "refusal"})


@dataclass(slots=True)
class Folding:
    """A summariser at work on one conversation: by when it must be done, and what it has taken so far."""

    summarizer: Summarizer
    until: float
    tokens_in: int = 0
    tokens_out: int = 0

    def ask(self, part: Part) -> Draft:
        """Ask for one part and count what it took, answered or not. Raises SummarizerError."""
        try:
            answer: Answer = self.summarizer.summarize(part)
        except SummarizerError as error:
            self.tokens_in += error.tokens_in
            self.tokens_out += error.tokens_out
            raise
        self.tokens_in += answer.tokens_in
        self.tokens_out += answer.tokens_out
        return answer.draft

    def deadline(self) -> float:
        """Return until when one part may take. Raises BadAnswer when no time is left for any."""
        now = time.monotonic()
        if now >= self.until:
            raise BadAnswer(OUT_OF_TIME, f"It was not summarised within {MOST_SECONDS:.0f} s.")
        return min(now + self.summarizer.seconds, self.until)


def fold(folding: Folding, turns: Sequence[SourceTurn], *, previous: Draft | None, after: int) -> Draft:
    """Return a checked draft of ``previous``, which covers the turns up to ``after``, and of all turns that follow.

    ``turns`` are the whole conversation's: what is carried on must be supported by them, too. Raises BadAnswer when an
    answer is of no use twice in a row, and BackendUnavailable.
    """
    draft = previous
    newer = [turn for turn in turns if turn.seq > after]
    for part in parts(newer, folding.summarizer.part_tokens):
        read = [turn for turn in turns if turn.seq <= part[-1].seq]
        draft = _checked(folding, part, draft, read)
    return draft if draft is not None else Draft(problem=None, solution=None)


def _checked(
    folding: Folding, part: Sequence[SourceTurn], previous: Draft | None, read: Sequence[SourceTurn]
) -> Draft:
    """Ask for one part, and once more with what was wrong."""
    complaint = ""
    for last_time in (False, True):
        try:
            draft = folding.ask(
                Part(part, previous, settings.SUMMARY_MOST_WORDS, folding.deadline(), complaint)
            )
            found = complaints(draft, read)
        except BadAnswer as error:
            if last_time or error.code in NO_USE_ASKING:
                raise
            complaint = str(error)
            continue
        if not found:
            return draft
        complaint = " ".join(found)
    raise BadAnswer(UNGROUNDED, complaint)


def parts(turns: Sequence[SourceTurn], part_tokens: int) -> Iterator[tuple[SourceTurn, ...]]:
    """Yield the turns in stretches that fit, in order; a turn that is too long for any is cut."""
    room = max(part_tokens * BYTES_PER_TOKEN, 4 * MESSAGE_BYTES)
    stretch: list[SourceTurn] = []
    held = 0
    for piece in (piece for turn in turns for piece in _cut(turn, room)):
        size = turn_bytes(piece)
        if stretch and held + size > room:
            yield tuple(stretch)
            stretch, held = [], 0
        stretch.append(piece)
        held += size
    if stretch:
        yield tuple(stretch)


def turn_bytes(turn: SourceTurn) -> int:
    """Return about how many bytes of a part a turn takes."""
    return sum(len(said.text.encode("utf-8", "replace")) + MESSAGE_BYTES for said in turn.said)


def _cut(turn: SourceTurn, room: int) -> Iterator[SourceTurn]:
    if turn_bytes(turn) <= room:
        yield turn
        return
    most = max((room - MESSAGE_BYTES) // 4, 1)  # characters, of four bytes at most
    for said in turn.said:
        for text in _pieces(said.text, most):
            yield SourceTurn(turn.seq, (Said(said.role, text),))


def _pieces(text: str, most: int) -> Iterator[str]:
    """Yield the text in pieces of at most so many characters, cut between words where there are any."""
    start = 0
    while len(text) - start > most:
        space = text.rfind(" ", start + most // 2, start + most)
        end = space + 1 if space >= 0 else start + most
        yield text[start:end]
        start = end
    yield text[start:]
