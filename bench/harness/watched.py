"""Looking at the relay while it works: how long its claims and its settlings take."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from outbox import relay as relay_module


@contextlib.contextmanager
def timed_calls(name: str) -> Iterator[list[tuple[float, float]]]:
    """Give a list that grows by (when it began, milliseconds) with each call that the relay makes of ``name``.

    The relay's own loop runs and calls the real function; only a clock stands between.
    """
    found: list[tuple[float, float]] = []
    real: Callable[..., Any] = getattr(relay_module, name)

    @functools.wraps(real)
    def clocked(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return real(*arguments, **named)
        finally:
            found.append((began, (time.perf_counter() - began) * 1000))

    with patch.object(relay_module, name, clocked):
        yield found
