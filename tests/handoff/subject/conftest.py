"""Fixtures of these tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from outbox.destinations import load_handler
from tests.fakes.desk.webhook import FakeWebhookDesk


@pytest.fixture(autouse=True)
def _loopback_may_be_dialled(settings: Any) -> Iterator[None]:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    load_handler.cache_clear()
    yield
    load_handler.cache_clear()


@pytest.fixture
def desk() -> Iterator[FakeWebhookDesk]:
    with FakeWebhookDesk() as started:
        yield started
