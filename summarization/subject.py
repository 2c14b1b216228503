"""Summaries' share of a customer. What was told of them lies in the outbox under the conversation's id."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from persistence.subject.port import Elsewhere, Erased, Subject
from summarization.models import ConversationSummary, SummaryItem, SummaryRating
from summarization.outside import outside
from summarization.selectors import as_record

PAGE = 500  # conversations at once


class SummariesOfSubject:
    """The part of ``SUBJECT_PARTS`` for summaries; see ``port``."""

    def ordering_keys(self, subject: Subject) -> list[str]:
        """Return the conversations' ids: ``conversation.summarized`` is told under them."""
        return [str(public_id) for public_id in subject.public_ids]

    def count(self, subject: Subject) -> dict[str, int]:
        """Return how many summaries there are, and what people thought of them."""
        return {
            "summaries": sum(summaries_of(pks).count() for pks in pages(subject)),
            "ratings": sum(ratings_of(pks).count() for pks in pages(subject)),
        }

    def elsewhere(self, subject: Subject) -> list[Elsewhere]:
        """Return who was told of these summaries; the archive is ours, and erased.

        They are named by the domain's listeners of today: the log of what was sent is kept for some days only.
        """
        told = sum(summaries_of(pks).count() for pks in pages(subject))
        what = f"perhaps the summaries of {told} conversation{'s' if told > 1 else ''}"
        return [Elsewhere(name, what) for name in outside().listeners(subject.domain)] if told else []

    def hindrances(self, subject: Subject) -> list[str]:
        """Return nothing: whoever summarises at this moment stores nothing once the conversation is gone."""
        return []

    def files(self, subject: Subject) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
        """Yield the summaries, each with what was thought of it."""
        yield "summaries.jsonl", (row for pks in pages(subject) for row in rows_of(pks))

    def erase(self, subject: Subject) -> Erased:
        """Delete ratings, claims and summaries."""
        summaries = ratings = 0
        for pks in pages(subject):
            # Held, so that nobody can rate a summary that goes.
            list(summaries_of(pks).order_by("id").select_for_update().values_list("pk"))
            ratings += ratings_of(pks).delete()[0]
            SummaryItem.objects.filter(conversation_id__in=pks)._raw_delete("default")
            summaries += summaries_of(pks)._raw_delete("default")
        return Erased({"summaries": summaries, "ratings": ratings})


def pages(subject: Subject) -> Iterator[Sequence[int]]:
    """Yield the subject's conversations some at a time, by primary key."""
    for start in range(0, len(subject.pks), PAGE):
        yield subject.pks[start : start + PAGE]


def summaries_of(conversations: Sequence[int]) -> Any:
    """Return the query for these conversations' summaries."""
    return ConversationSummary.objects.filter(conversation_id__in=conversations)


def ratings_of(conversations: Sequence[int]) -> Any:
    """Return the query for what people thought of these conversations' summaries."""
    return SummaryRating.objects.filter(summary__conversation_id__in=conversations)


def rows_of(conversations: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield the summaries as an export tells them. Who judged one is left out: that is about them."""
    found = summaries_of(conversations).select_related("conversation").prefetch_related("ratings")
    for summary in found.order_by("conversation_id"):
        record = as_record(summary)
        yield record | {
            "conversation_id": str(record["conversation_id"]),
            "summarized_at": summary.summarized_at.isoformat(),
            "ratings": [
                {"good": rating.good, "reason": rating.reason, "rated_at": rating.rated_at.isoformat()}
                for rating in sorted(summary.ratings.all(), key=lambda rating: rating.pk)
            ],
        }
