"""The detectors, one file each. A new one is: copy a file, copy its test, add a line here.

A detector is a function ``find(text) -> list[(start, end)]``: half-open offsets in code points, in order. It
must be linear in the length of any text, and cost next to nothing where its data cannot be.
"""

from collections.abc import Callable

from persistence.privacy.detectors import cards, emails

Span = tuple[int, int]

DETECTORS: tuple[tuple[str, Callable[[str], list[Span]]], ...] = (
    ("CARD", cards.find),
    ("EMAIL", emails.find),
)
