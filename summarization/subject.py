"""Summaries' share of a customer."""

from collections.abc import Iterable, Iterator
from typing import Any

from persistence.subject.port import Elsewhere, Erased, Subject
from summarization.models import ConversationSummary, SummaryItem, SummaryRating


class SummariesOfSubject:
    """The part of ``SUBJECT_PARTS`` for summaries; see ``port``."""

    def ordering_keys(self, subject: Subject) -> list[str]:
        return [str(public_id) for public_id in subject.public_ids]

    def count(self, subject: Subject) -> dict[str, int]:
        return {"summaries": ConversationSummary.objects.filter(conversation_id__in=subject.pks).count()}

    def elsewhere(self, subject: Subject) -> list[Elsewhere]:
        return []

    def hindrances(self, subject: Subject) -> list[str]:
        return []

    def files(self, subject: Subject) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
        yield "summaries.jsonl", iter(())

    def erase(self, subject: Subject) -> Erased:
        SummaryRating.objects.filter(summary__conversation_id__in=subject.pks).delete()
        SummaryItem.objects.filter(conversation_id__in=subject.pks).delete()
        gone, _ = ConversationSummary.objects.filter(conversation_id__in=subject.pks).delete()
        return Erased({"summaries": gone})
