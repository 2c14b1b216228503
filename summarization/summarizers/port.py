"""The port behind which summarisers stand. They read text and return a draft; they never see the database.

Whatever text they are given was said by strangers: it is data, never instructions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from summarization.draft import Draft, SourceTurn


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one conversation, in order. ``previous`` is the draft of everything before it, to be carried on.

    ``deadline`` is the ``time.monotonic()`` by which the answer is wanted. ``complaint`` says what was wrong with the
    answer to this very part, when it is asked a second time. ``most_words`` is for problem and solution together.
    """

    turns: Sequence[SourceTurn]
    previous: Draft | None
    most_words: int
    deadline: float
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A draft of everything up to the part's end, and what it took; no tokens where nothing is counted."""

    draft: Draft
    tokens_in: int = 0
    tokens_out: int = 0


class SummarizerError(Exception):
    """No draft. ``code`` is for machines, ``str()`` for people; tokens were spent all the same where a model answered.

    Neither holds anything of what was said.
    """

    def __init__(self, code: str, text: str, *, tokens_in: int = 0, tokens_out: int = 0) -> None:
        super().__init__(text)
        self.code, self.tokens_in, self.tokens_out = code, tokens_in, tokens_out


class BadAnswer(SummarizerError):
    """The answer to this conversation is of no use; that says nothing about the next one."""


class BackendUnavailable(SummarizerError):
    """Nobody can be summarised by this backend now: it is out, refuses the key, or has no quota left."""


class Summarizer(Protocol):
    """One way of summarising. Thread-safe; made once per process."""

    name: str  # as in SUMMARY_BACKEND
    model: str  # as it is written on the summary
    prompt_version: str  # changes whenever the same text would be summarised otherwise
    part_tokens: int  # how much it reads at once, one token for three bytes of UTF-8
    most_tokens_out: int  # how long an answer to one part can be; 0 where nothing is counted
    seconds: float  # how long one part may take
    batch: int  # how many conversations are worth claiming at once

    def summarize(self, part: Part) -> Answer:
        """Return a draft of ``previous`` and the part together. Raises BadAnswer and BackendUnavailable."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
