"""The order of the queue: what is due first stands first, and what has no due time comes last."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet

from outbox.adminkit.keyset import AFTER, BEFORE, Keyset, Page


@dataclass(frozen=True, slots=True)
class Place:
    """A row that the reader has seen. ``at`` is its due time; None: it waits for somebody else."""

    at: datetime | None
    pk: int

    @classmethod
    def read(cls, text: str | None) -> "Place | None":
        """Return the place that a link names, or None where it makes no sense."""
        at, _, pk = (text or "").partition("/")
        if not (pk.isascii() and pk.isdecimal() and len(pk) < 19):
            return None
        if at == "-":
            return cls(None, int(pk))
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            return None
        sane = moment.tzinfo is not None and 1970 < moment.year < 9999
        return cls(moment, int(pk)) if sane else None

    def __str__(self) -> str:
        return f"{self.at.isoformat() if self.at else '-'}/{self.pk}"


class ByAttention(Keyset):
    """``attention_at`` with NULLs last, then ``id``, as the partial indexes of live cases keep it.

    No comparison knows NULLs, so the list is two that follow each other: what is due, by its time, and what waits for
    somebody else, by its id. A page takes one statement, or two where it reaches from one into the other.
    """

    def ordering(self, *, backwards: bool = False) -> list[Any]:
        if backwards:
            return [F("attention_at").desc(nulls_first=True), "-id"]
        return [F("attention_at").asc(nulls_last=True), "id"]

    def page(self, queryset: QuerySet[Any], place: Mapping[str, str], size: int) -> Page:
        """Return the page after or before the place, or the first one. Nothing is counted."""
        after = Place.read(place.get(AFTER))
        before = None if after else Place.read(place.get(BEFORE))
        rows = before_place(queryset, before, size + 1) if before else after_place(queryset, after, size + 1)
        more = len(rows) > size
        rows = rows[-size:] if before else rows[:size]
        if not rows:
            return Page([], "", "")
        return Page(
            rows,
            previous=key(rows[0]) if (more if before else after) else "",
            next=key(rows[-1]) if (before or more) else "",
        )


def after_place(queryset: QuerySet[Any], place: Place | None, size: int) -> list[Any]:
    """Return up to ``size`` rows behind the place, or from the beginning."""
    due, undue = queryset.filter(attention_at__isnull=False), queryset.filter(attention_at__isnull=True)
    found: list[Any] = []
    if place is None or place.at:
        if place:
            # The first condition is the index' bound; the second only tells apart what is due at the same moment.
            beyond = Q(attention_at__gt=place.at) | Q(id__gt=place.pk)
            due = due.filter(beyond, attention_at__gte=place.at)
        found = list(due.order_by("attention_at", "id")[:size])
    if len(found) < size:
        if place and place.at is None:
            undue = undue.filter(id__gt=place.pk)
        found += undue.order_by("attention_at", "id")[: size - len(found)]
    return found


def before_place(queryset: QuerySet[Any], place: Place, size: int) -> list[Any]:
    """Return up to ``size`` rows in front of the place, in the order of the list."""
    due, undue = queryset.filter(attention_at__isnull=False), queryset.filter(attention_at__isnull=True)
    found: list[Any] = []
    if place.at is None:
        found = list(undue.filter(id__lt=place.pk).order_by("-attention_at", "-id")[:size])
    else:
        nearer = Q(attention_at__lt=place.at) | Q(id__lt=place.pk)
        due = due.filter(nearer, attention_at__lte=place.at)
    if len(found) < size:
        found += due.order_by("-attention_at", "-id")[: size - len(found)]
    return found[::-1]


def key(row: Any) -> str:
    """Return the place of a row."""
    return str(Place(row.attention_at, row.pk))
