"""What can be searched of a case: the words of its transcript, its notes and its reason."""

from typing import Any

from django.db import models

from handoff.models.cases import SupportCase


class WordsField(models.Field):
    """A ``tsvector`` of words as ``handoff.search`` makes them: no dictionary of any language is involved."""

    def db_type(self, connection: Any) -> str:
        return "tsvector"


class CaseText(models.Model):
    """The words of one case up to a turn and an event. Derived: may be emptied at any time and is filled again.

    Kept beside the case, so that neither a turn nor a change of a case waits for a full-text index.
    """

    case = models.OneToOneField(SupportCase, models.CASCADE, primary_key=True, related_name="searchable")
    through_seq = models.PositiveBigIntegerField(default=0)
    through_event = models.PositiveIntegerField(default=0)
    words = WordsField(default="")

    class Meta:
        db_table = "handoff_case_text"

    def __str__(self) -> str:
        return f"words of case {self.case_id}"
