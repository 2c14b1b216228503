"""What all contenders have in common: the shape of the load, and the clock."""

import itertools
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

DOMAIN = "demo"
CHANNEL = "web"
TURNS_PER_CONVERSATION = 10


def fresh(kind: str, times: int = 1) -> Iterator[str]:
    """Yield ids that nobody has used before, each of them ``times`` times."""
    unique = uuid4().hex
    for number in itertools.count():
        yield from itertools.repeat(f"{kind}-{unique}-{number}", times)


def timings(prepare: Callable[[], Callable[[], object]], times: int) -> list[float]:
    """Return the milliseconds of each call; what ``prepare`` does is not timed."""
    found = []
    for _ in range(times):
        call = prepare()
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1000)
    return found
