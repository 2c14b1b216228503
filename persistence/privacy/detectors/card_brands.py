"""Issuer ranges: the first six digits of a card, and the lengths that its brand issues.

ISO/IEC 7812 numbers, as the brands publish them.
"""

from typing import NamedTuple


class IssuerRange(NamedTuple):
    """First six digits from ``low`` to ``high``, both included, and the total numbers of digits in use."""

    low: int
    high: int
    lengths: frozenset[int]


def _lengths(*lengths: int) -> frozenset[int]:
    return frozenset(lengths)


_16 = _lengths(16)
_16_TO_19 = _lengths(16, 17, 18, 19)
_DINERS = _lengths(14, 16)

# Long enough and narrow enough to stand on their own. Sorted, without overlaps.
DISTINCT: tuple[IssuerRange, ...] = (
    IssuerRange(222100, 272099, _16),  # Mastercard, 2-series
    IssuerRange(300000, 305999, _DINERS),
    IssuerRange(309500, 309599, _DINERS),
    IssuerRange(340000, 349999, _lengths(15)),  # American Express
    IssuerRange(352800, 358999, _16_TO_19),  # JCB
    IssuerRange(360000, 369999, _DINERS),
    IssuerRange(370000, 379999, _lengths(15)),  # American Express
    IssuerRange(380000, 399999, _DINERS),  # Diners; Hipercard 3841
    IssuerRange(400000, 499999, _lengths(16, 19)),  # Visa; Elo 4011, 4312, 4389, 4514, 4573, 4576
    IssuerRange(504175, 504175, _16),  # Elo
    IssuerRange(506699, 506778, _16),  # Elo
    IssuerRange(509000, 509999, _16),  # Elo
    IssuerRange(510000, 559999, _16),  # Mastercard
    IssuerRange(601100, 601199, _16_TO_19),  # Discover
    IssuerRange(606282, 606282, _16),  # Hipercard
    IssuerRange(620000, 629999, _16_TO_19),  # UnionPay; Elo 627780
    IssuerRange(636297, 636297, _16),  # Elo
    IssuerRange(636368, 636368, _16),  # Elo
    IssuerRange(637095, 637095, _16),  # Hipercard
    IssuerRange(644000, 659999, _16_TO_19),  # Discover; Elo 6500 to 6550
)

# Wide ranges or short numbers: one order number in ten would pass the Luhn sum, so these need a word like
# "card" in front.
AMBIGUOUS: tuple[IssuerRange, ...] = (
    IssuerRange(180000, 180099, _lengths(15)),  # JCB, old
    IssuerRange(213100, 213199, _lengths(15)),  # JCB, old
    IssuerRange(220000, 220499, _16_TO_19),  # Mir
    IssuerRange(400000, 499999, _lengths(13)),  # Visa, no longer issued
    IssuerRange(500000, 509999, frozenset(range(12, 20))),  # Maestro, Verve, RuPay
    IssuerRange(560000, 699999, frozenset(range(12, 20))),  # Maestro, RuPay
    IssuerRange(810000, 829999, _16),  # RuPay, UnionPay
    IssuerRange(979200, 979299, _16),  # Troy
)
