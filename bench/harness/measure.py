"""Taking turns, and summing up what was timed."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

Samples = dict[str, list[list[float]]]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` (0 to 1) of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def in_turns(contenders: Mapping[str, Callable[[], list[float]]], rounds: int) -> Samples:
    """Let the contenders run one after the other, ``rounds`` times, after one round that is not counted.

    Whatever else this machine does meets all of them alike, so their ratios survive a drift that no single
    figure does. Returns each contender's samples by round.
    """
    samples: Samples = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            found = run()
            if number:
                samples[name].append(found)
    return samples


def half(values: Sequence[float]) -> float:
    """Return the value that half of the values do not exceed."""
    return percentile(values, 0.5)


def medians(samples: Samples, share: float = 0.5) -> dict[str, float]:
    """Return each contender's median over its rounds of the ``share`` percentile within a round."""
    return {name: median(percentile(found, share) for found in rounds) for name, rounds in samples.items()}


def paired(
    samples: Samples, contender: str, limit: str, of: Callable[[Sequence[float]], float] = half
) -> tuple[float, float]:
    """Return both medians of what ``of`` makes of a round.

    The limit's is moved so that their quotient is the median of the rounds' quotients.
    """
    pairs = zip(samples[contender], samples[limit], strict=True)
    ratio = median(of(one) / of(other) for one, other in pairs)
    measured = median(of(found) for found in samples[contender])
    return measured, measured / ratio


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
