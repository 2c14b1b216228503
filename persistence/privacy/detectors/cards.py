"""Payment card numbers: right length and issuer range, Luhn, grouped the way people and machines write them.

Order numbers, dates, amounts, UUIDs and accounts that happen to fit must survive, so a number is left alone
when the text around it says that it is something else.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from persistence.privacy.checksums import cnpj, iban_mod97, luhn
from persistence.privacy.detectors.card_brands import AMBIGUOUS, DISTINCT, IssuerRange

# Characters without width: zero-width spaces and joiners, soft hyphen, direction marks, keycap emoji.
_UNSEEN = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u20e3\ufe00-\ufe0f\ufeff"
_SEPARATORS = " .\u00a0\u00b7\u2000-\u200a\u202f\u205f\u3000\uff0e\u2010-\u2015\u2212\uff0d\\-"
# No possessive repeat of a group in these detectors: before Python 3.11.5 it can match a character too many.
_RUN = re.compile(rf"\d(?:[{_UNSEEN}]*(?:[{_SEPARATORS}][{_UNSEEN}]*){{0,3}}\d)*")
_GROUP = re.compile(rf"\d(?:[{_UNSEEN}]*\d)*")
_ONLY_UNSEEN = re.compile(f"[{_UNSEEN}]+")

_SHORTEST, _LONGEST = 12, 19

# How cards are printed and typed, as digits per group: 4-4-4-4 with up to three more, Amex, Diners, UnionPay.
_LAYOUTS = {
    (4, 4, 4, 4, 3),
    (4, 4, 4, 4, 2),
    (4, 4, 4, 4, 1),
    (4, 4, 4, 4),
    (4, 4, 4, 3),
    (4, 4, 4, 2),
    (4, 6, 5),
    (4, 6, 4),
    (6, 13),
    (8, 8),
}
_DOTS = {".", "\u00b7", "\uff0e"}
_TWO_DATES = (2, 2, 4, 2, 2, 4)
_FISCAL_RECEIPT_KEY = (4,) * 11  # the access key of a Brazilian NF-e, printed in eleven groups of four

# Countries whose bank accounts are digits only and as long as a card: ISO 13616 code -> digits after it.
_IBAN_DIGITS = {"NO": 13, "BE": 14, "SI": 17} | dict.fromkeys(("DK", "FI", "FO", "GL"), 16)
_IBAN_DIGITS |= dict.fromkeys(("AT", "BA", "EE", "LT", "LU", "XK"), 18)

_IDENTIFIER = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{24,128})"
    r"(?![0-9A-Za-z])"
)
_IDENTIFIER_REACH = 130
# No digit and no bracket in between: what stands between is then never itself replaced by a label.
_CARD_WORD = re.compile(
    r"\b(?:cards?|cart[aã]o|cart[oõ]es|tarjetas?|carte|visa|maestro|mir|rupay|troy|verve|pan)\b[^\d\[\]]{0,30}\Z",
    re.IGNORECASE,
)
_CARD_WORD_REACH = 40

# The quick question. Digits become "0", separators and everything beyond ASCII vanish, the rest becomes "x".
_SHAPE = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x78 for byte in range(256))
_SHAPELESS = b" .-" + bytes(range(0x80, 0x100))
_DIGITS_OF_A_CARD = b"0" * _SHORTEST
# Digits beyond ASCII: full-width, Arabic … by the first byte of their UTF-8, mathematical ones by three.
_WIDE_DIGITS = "".join(char for char in map(chr, range(0x100, 0x10000)) if char.isdecimal())
_WIDE_DIGIT = re.compile(f"[{_WIDE_DIGITS}]")
_NO_LEAD_OF_WIDE_DIGITS = bytes(set(range(256)) - {char.encode()[0] for char in _WIDE_DIGITS})
_MATHEMATICAL_DIGITS = "\U0001d7ce".encode()[:3]


class Group(NamedTuple):
    """Digits that stand together: offsets in the text, and the digits in ASCII."""

    start: int
    end: int
    digits: str


def find(text: str) -> list[tuple[int, int]]:
    """Return the spans of card numbers."""
    if not _may_hold_a_card(text):
        return []
    runs = _RUN.finditer(text)
    return [span for run in runs if run.end() - run.start() >= _SHORTEST for span in _cards_in(text, run)]


def _may_hold_a_card(text: str) -> bool:
    """Ask, in a microsecond or two for 2 KB, whether twelve digits stand with only separators in between."""
    data = text.encode("utf-8", "replace")
    if _DIGITS_OF_A_CARD in data.translate(_SHAPE, _SHAPELESS):
        return True
    return len(data) > len(text) and (
        _MATHEMATICAL_DIGITS in data
        or (bool(data.translate(None, _NO_LEAD_OF_WIDE_DIGITS)) and bool(_WIDE_DIGIT.search(text)))
    )


def _cards_in(text: str, run: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Walk the groups of one run: the whole of it in any grouping, else every usual layout within it."""
    groups = [
        Group(group.start(), group.end(), _ascii_digits(group[0]))
        for group in _GROUP.finditer(text, run.start(), run.end())
    ]
    sizes = tuple(len(group.digits) for group in groups)
    if sizes == _FISCAL_RECEIPT_KEY:
        return
    if _in_one_style(text, groups, sizes) and _is_card(text, groups, run.start()):
        yield run.start(), run.end()
        return
    floor, at = run.start(), 0
    while at < len(groups):
        count = _card_at(text, groups, sizes, at, floor)
        if count:
            floor = groups[at + count - 1].end
            yield groups[at].start, floor
        at += count or 1


def _card_at(text: str, groups: list[Group], sizes: tuple[int, ...], at: int, floor: int) -> int:
    """Return how many groups from ``at`` make up a card, the longest layout first; 0 for none."""
    for count in (5, 4, 3, 2, 1):
        layout = sizes[at : at + count]
        usual = layout in _LAYOUTS if count > 1 else _SHORTEST <= layout[0] <= _LONGEST
        if usual and len(layout) == count and _is_card(text, groups[at : at + count], floor):
            return count
    return 0


def _in_one_style(text: str, groups: list[Group], sizes: tuple[int, ...]) -> bool:
    """Tell whether a whole run is one number in an unusual grouping: "41 1111 1111 111111", "4 1 1 1 …".

    The separator must be the same throughout and no dot: a time, an amount or two dates have mixed ones.
    """
    if not 15 <= sum(sizes) <= _LONGEST or len(groups) == 1 or sizes == _TWO_DATES:
        return False
    if min(sizes) == 1 and max(sizes) > 1:
        return False
    gaps = {_ONLY_UNSEEN.sub("", text[left.end : right.start]) for left, right in pairwise(groups)}
    return len(gaps) == 1 and _DOTS.isdisjoint("".join(gaps))


def _is_card(text: str, groups: list[Group], floor: int) -> bool:
    """Decide on one candidate; ``floor`` is where the card before it ended, or where its run began."""
    digits = "".join(group.digits for group in groups)
    if not luhn(digits):
        return False
    start, end = groups[0].start, groups[-1].end
    if not _issued(DISTINCT, digits):
        before = text[max(0, start - _CARD_WORD_REACH) : start]
        if not (_issued(AMBIGUOUS, digits) and _CARD_WORD.search(before)):
            return False
    return not (
        (len(digits) < 16 and text[max(0, start - 1) : start] == "+")
        or (len(groups) == 1 and _is_fraction(text, start, floor))
        or _is_account(text, start, digits)
        or cnpj(digits)
        or _is_identifier(text, start, end)
    )


def _issued(ranges: tuple[IssuerRange, ...], digits: str) -> bool:
    at = bisect_right(ranges, int(digits[:6]), key=lambda issuer: issuer.low) - 1
    return at >= 0 and int(digits[:6]) <= ranges[at].high and len(digits) in ranges[at].lengths


def _is_fraction(text: str, start: int, floor: int) -> bool:
    """Tell whether the digits come after a decimal point, as in a coordinate or a computed amount."""
    if start - 2 >= floor and text[start - 1] == "." and text[start - 2].isdecimal():
        return True
    return text[max(0, start - 2) : start] == "0," and not text[max(0, start - 3) : start - 2].isdecimal()


def _is_account(text: str, start: int, digits: str) -> bool:
    """Tell whether two letters in front make it a bank account whose check digits agree."""
    country = text[max(0, start - 2) : start].upper()
    return _IBAN_DIGITS.get(country) == len(digits) and iban_mod97(country + digits)


def _is_identifier(text: str, start: int, end: int) -> bool:
    """Tell whether the digits are part of a UUID or of a long hexadecimal id."""
    first = max(0, start - _IDENTIFIER_REACH)
    around = _IDENTIFIER.finditer(text, first, end + _IDENTIFIER_REACH)
    return any(found.start() < end and found.end() > start for found in around)


def _ascii_digits(group: str) -> str:
    if group.isascii():
        return group
    return "".join(str(unicodedata.decimal(char)) for char in group if char.isdecimal())
