"""One summary that chance has chosen, beside what was said.

The address of a sample is signed for its reader: whoever may judge summaries reads the conversations that were drawn
for them, and not any that they like.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from outbox.adminkit.show import badge
from persistence.admin.scoped import own_domains
from persistence.admin.transcript import Said, said
from persistence.models import Turn
from summarization import words
from summarization.models import ConversationSummary
from summarization.selectors import coverage, newer
from summarization.words import Statement

WINDOW = 120  # turns on one page
_signer = Signer(salt="summarization.sample")


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """One turn as it is read beside a summary."""

    seq: int
    at: datetime
    said: list[Said]
    cited: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The turns ``first`` to ``last``; ``earlier`` and ``later`` are turns of the neighbouring windows, or None."""

    turns: list[ShownTurn]
    first: int
    last: int
    earlier: int | None
    later: int | None


@dataclass(frozen=True, slots=True)
class Sample:
    """A summary with its transcript, as the page is drawn from it."""

    summary: ConversationSummary
    drawn: str
    statements: list[Statement]
    window: Window

    @property
    def input_hash(self) -> str:
        """Which text it is, in hexadecimal."""
        return bytes(self.summary.input_hash).hex()

    @property
    def status(self) -> Any:
        """The status, coloured."""
        return badge(self.summary.status, words.STATUSES.get(self.summary.status, "calm"))

    @property
    def coverage(self) -> str:
        """Which turns it covers."""
        return coverage(self.summary.from_seq, self.summary.to_seq, newer(self.summary))

    @property
    def made_by(self) -> str:
        """What made it."""
        return words.made_by(self.summary)

    @property
    def base(self) -> str:
        """The page's own address, up to the number of a turn."""
        return f"?{urlencode({'drawn': self.drawn})}&"


def drawn_for(user: Any, summary_pk: int) -> str:
    """Return what an address holds instead of a summary's number."""
    return _signer.sign(f"{user.pk}-{summary_pk}")


def address_of(user: Any, summary_pk: int) -> str:
    """Return the address of the page on which this user judges a summary."""
    query = urlencode({"drawn": drawn_for(user, summary_pk)})
    return f"{reverse('admin:summarization_summaryrating_sample')}?{query}"


def drawn_summary(user: Any, drawn: str) -> ConversationSummary | None:
    """Return the summary that was drawn for this user, or None: not drawn for them, not theirs to see, or gone."""
    try:
        whose, _, summary_pk = _signer.unsign(drawn).partition("-")
    except BadSignature:
        return None
    if whose != str(user.pk):
        return None
    found = ConversationSummary.objects.select_related("conversation").filter(own_domains(user))
    return found.filter(pk=int(summary_pk)).first()


def sample(summary: ConversationSummary, drawn: str, asked: int | None) -> Sample:
    """Return the summary with the turns around ``asked``, or the first ones that it covers."""
    said_by = words.statements(summary)
    cited = frozenset(seq for one in said_by for seq in one.seqs)
    return Sample(summary, drawn, said_by, window(summary, cited, asked))


def window(summary: ConversationSummary, cited: frozenset[int], asked: int | None) -> Window:
    """Return the covered turns, or those around one where there are many."""
    first = summary.from_seq
    if asked is not None:
        first = max(first, min(asked - WINDOW // 2, summary.to_seq - WINDOW + 1))
    last = min(summary.to_seq, first + WINDOW - 1)
    found = Turn.objects.filter(conversation_id=summary.conversation_id, seq__gte=first, seq__lte=last)
    return Window(
        turns=[
            ShownTurn(
                turn.seq, turn.created_at, [said(message) for message in turn.messages], turn.seq in cited
            )
            for turn in found.only("seq", "created_at", "messages").order_by("seq")
        ],
        first=first,
        last=last,
        earlier=max(summary.from_seq, first - WINDOW // 2) if first > summary.from_seq else None,
        later=last + WINDOW // 2 if last < summary.to_seq else None,
    )
