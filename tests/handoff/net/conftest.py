from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from handoff.net.client import NetError, request
from tests.handoff.net.farend import FarEnd, Script


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.0/8"]


@pytest.fixture
def far_end() -> Iterator[Callable[..., FarEnd]]:
    """Start far ends; all of them end with the test."""
    with ExitStack() as stack:

        def start(script: Script, **options: Any) -> FarEnd:
            return stack.enter_context(FarEnd(script, **options))

        yield start


@pytest.fixture
def failure() -> Callable[..., NetError]:
    """Make a request that must fail, and return its error."""

    def fail(url: str, method: str = "POST", **options: Any) -> NetError:
        with pytest.raises(NetError) as caught:
            request(method, url, **{"content": b"{}", "deadline": 30.0} | options)
        return caught.value

    return fail
