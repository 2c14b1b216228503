"""Words for the tests of Redis as hot storage."""

import time
from collections.abc import Callable

import pytest
import redis

from persistence.hot.client import Hot, HotUnavailable

LONG = 20.0  # seconds that a loaded machine may take for something that takes milliseconds


def refusal(hot: Hot, work: Callable[[redis.Redis], object] = lambda client: client.ping()) -> str:
    """Make a call that must fail, and return the reason."""
    with pytest.raises(HotUnavailable) as caught:
        hot.call(work, operation="test")
    return caught.value.reason


def eventually(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    ends_at = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < ends_at, "it never came to that"
        time.sleep(0.01)


def seconds_of(action: Callable[[], object]) -> float:
    """Return how long it took."""
    began = time.monotonic()
    action()
    return time.monotonic() - began
