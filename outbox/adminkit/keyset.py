"""Pages by key: page 1,000 costs what page 1 costs, and nothing is counted to draw them.

A page starts behind a row that the reader has seen (``?after=``) or ends before one (``?before=``). The place
is the row's own key, so rows that come and go meanwhile neither repeat nor skip others.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, F, Func, Model, QuerySet, Value

AFTER, BEFORE = "after", "before"


class _Row(Func):
    """``(a, b, c)``: Postgres compares rows from left to right and uses an index on (a, b, c) for it."""

    template = "(%(expressions)s)"
    output_field = BooleanField()


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page and the keys of the neighbouring ones; "" where there is none."""

    rows: list[Model]
    previous: str
    next: str


@dataclass(frozen=True, slots=True)
class Keyset:
    """An order that an index keeps: not-null columns, unique together, all in one direction."""

    fields: tuple[str, ...] = ("id",)
    descending: bool = False

    def ordering(self, *, backwards: bool = False) -> list[str]:
        """Return the order as ``order_by`` takes it."""
        sign = "-" if self.descending is not backwards else ""
        return [sign + name for name in self.fields]

    def page(self, queryset: QuerySet[Any], place: Mapping[str, str], size: int) -> Page:
        """Return up to ``size`` rows after or before the place, or the first ones. One statement, no count.

        A place that makes no sense (an old link, a wrong hand) is the first page.
        """
        after = self._decode(queryset.model, place.get(AFTER))
        before = self._decode(queryset.model, place.get(BEFORE)) if after is None else None
        backwards = before is not None
        if key := after or before:
            queryset = queryset.filter(self._beyond(queryset.model, key, backwards))
        rows = list(queryset.order_by(*self.ordering(backwards=backwards))[: size + 1])
        more = len(rows) > size
        rows = rows[size - 1 :: -1] if backwards and more else rows[::-1] if backwards else rows[:size]
        if not rows:
            return Page([], "", "")
        return Page(
            rows,
            previous=self._encode(rows[0]) if (more if backwards else after) else "",
            next=self._encode(rows[-1]) if (backwards or more) else "",
        )

    def _beyond(self, model: type[Model], key: Sequence[Any], backwards: bool) -> Func:
        values = [
            Value(value, output_field=model._meta.get_field(name))  # type: ignore[arg-type]
            for name, value in zip(self.fields, key, strict=True)
        ]
        sign = " < " if self.descending is not backwards else " > "
        here = _Row(*[F(name) for name in self.fields])
        return Func(
            here, _Row(*values), template="%(expressions)s", arg_joiner=sign, output_field=BooleanField()
        )

    def _encode(self, row: Model) -> str:
        values = [getattr(row, name) for name in self.fields]
        return json.dumps(
            [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]
        )

    def _decode(self, model: type[Model], text: str | None) -> list[Any] | None:
        try:
            parts = json.loads(text or "")
            if not isinstance(parts, list) or len(parts) != len(self.fields) or "\x00" in (text or ""):
                return None
            values = [
                model._meta.get_field(name).to_python(str(part).replace("\x00", ""))  # type: ignore[union-attr]
                for name, part in zip(self.fields, parts, strict=True)
            ]
        except (ValueError, RecursionError, ValidationError):
            return None
        sane = all(not isinstance(value, int) or abs(value) < 2**63 for value in values)
        return values if sane and None not in values else None
