from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outbox.destinations import load_handler
from tests.fakes.desk.webhook import FakeWebhookDesk


@pytest.fixture(autouse=True)
def _this_installation(settings: Any, local_dir: Path) -> Iterator[None]:
    """Loopback may be dialled, claims lie in a directory of the test's own, and handlers are made anew."""
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.OUTBOX_DESTINATION_SOURCES = ["handoff.endpoints.Endpoints"]
    settings.CLAIM_CHECK_URL = f"file://{local_dir}/claims"
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    load_handler.cache_clear()
    yield
    load_handler.cache_clear()


@pytest.fixture
def desk() -> Iterator[FakeWebhookDesk]:
    with FakeWebhookDesk() as started:
        yield started
