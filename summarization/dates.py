"""Dates in a text, however written: 2026-11-03, 03/11/2026 (both orders), 3 Nov, November 3rd, 3 de novembro."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Day = tuple[int | None, int, int]  # year, month, day

_NAMES = (
    "january jan janeiro enero",
    "february feb fevereiro fev febrero",
    "march mar março marco marzo",
    "april apr abril abr",
    "may maio mai mayo",
    "june jun junho junio",
    "july jul julho julio",
    "august aug agosto",
    "september sept sep setembro septiembre",
    "october oct outubro octubre",
    "november nov novembro noviembre",
    "december dec dezembro dez diciembre",
)
# Short Portuguese forms that are everyday words elsewhere (set, out, ago) are left out.
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
_DAYS = (
    "monday segunda",
    "tuesday terça terca",
    "wednesday quarta",
    "thursday quinta",
    "friday sexta",
    "saturday sábado sabado",
    "sunday domingo",
)
WEEKDAYS = {name: number for number, names in enumerate(_DAYS) for name in names.split()}

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_ISO = re.compile(r"(?<!\d)(?P<year>\d{4})[-/.](?P<a>\d{1,2})[-/.](?P<b>\d{1,2})(?!\d)")
_WRITTEN_OUT = re.compile(
    r"(?<![\d./-])(?P<a>\d{1,2})(?P<sep>[/.-])(?P<b>\d{1,2})(?P=sep)(?P<year>\d{4}|\d{2})(?![\d/])"
)
_SHORT = re.compile(r"(?<![\d./-])(?P<a>\d{1,2})/(?P<b>\d{1,2})(?![\d/])")
_DAY_FIRST = re.compile(
    rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th|º|o)?[ -](?:of |de )?(?P<month>{_MONTH})\b\.?"
    r"(?:[ ,-]{1,2}(?:of |de )?(?P<year>\d{4})(?!\d))?"
)
_MONTH_FIRST = re.compile(
    rf"\b(?P<month>{_MONTH})\b\.? (?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:])(?:,? (?P<year>\d{{4}})(?!\d))?"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """One date and where it stands; several days where the order of day and month cannot be told."""

    start: int
    end: int
    days: frozenset[Day]


def mentions(folded: str) -> tuple[list[Mention], str]:
    """Return the dates in a folded text, and the text with blanks in their places."""
    found: list[Mention] = []
    for pattern in (_ISO, _WRITTEN_OUT, _SHORT, _DAY_FIRST, _MONTH_FIRST):
        here = [
            Mention(*match.span(), days)
            for match in pattern.finditer(folded)
            if (days := frozenset(_days(match.groupdict())))
        ]
        folded = _blanked(folded, here)
        found += here
    return found, folded


def _blanked(text: str, here: list[Mention]) -> str:
    pieces, done = [], 0
    for mention in here:
        pieces += [text[done : mention.start], " " * (mention.end - mention.start)]
        done = mention.end
    return "".join([*pieces, text[done:]])


def _days(parts: dict[str, str | None]) -> Iterator[Day]:
    year = _year(parts.get("year"))
    if name := parts.get("month"):
        orders = [(MONTHS[name], int(parts["day"] or 0))]
    else:
        a, b = int(parts["a"] or 0), int(parts["b"] or 0)
        # Four digits in front say which order it is; otherwise both are in use.
        orders = [(a, b)] if "sep" not in parts and year is not None else [(a, b), (b, a)]
    yield from ((year, month, day) for month, day in orders if 1 <= month <= 12 and 1 <= day <= 31)


def _year(written: str | None) -> int | None:
    if written is None:
        return None
    return int(written) + (2000 if len(written) == 2 else 0)
