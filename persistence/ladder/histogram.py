"""Durations in buckets that grow by a quarter each, so that any quantile is known to within that quarter."""

from bisect import bisect_left
from collections.abc import Mapping

SHORTEST, LONGEST, GROWTH = 0.000_02, 20.0, 1.25  # seconds


def _bounds() -> tuple[float, ...]:
    found = [SHORTEST]
    while found[-1] < LONGEST:
        found.append(found[-1] * GROWTH)
    return tuple(found)


BOUNDS = _bounds()  # upper bounds; one more bucket takes what is longer than all of them


def bucket(seconds: float) -> int:
    """Return the number of the bucket that a duration falls into."""
    return bisect_left(BOUNDS, seconds)


def quantile(buckets: Mapping[int, int], part: float) -> float | None:
    """Return the duration in seconds below which ``part`` (0 to 1) of the counted ones lie; None when there are none.

    Inside its bucket the answer is interpolated. Beyond the last bound it is that bound.
    """
    total = sum(buckets.values())
    if not total:
        return None
    wanted, below = part * total, 0
    for number in sorted(buckets):
        inside = buckets[number]
        if inside and below + inside >= wanted:
            return _inside(number, (wanted - below) / inside)
        below += inside
    return BOUNDS[-1]


def _inside(number: int, part: float) -> float:
    if number >= len(BOUNDS):
        return BOUNDS[-1]
    start = BOUNDS[number - 1] if number else 0.0
    return start + (BOUNDS[number] - start) * part
