"""The two kinds of store, each reached as production reaches it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outbox.destinations import load_handler
from persistence.claim_check.store import close_stores
from tests.fakes.s3 import FakeS3
from tests.outbox.support import ScriptedHandler
from tests.persistence.claim_check.support import behind_claim_check


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    with FakeS3() as fake:
        yield fake


@pytest.fixture(autouse=True)
def claims(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.OUTBOX_DESTINATIONS = behind_claim_check()
    settings.CLAIM_CHECK_URL = (tmp_path / "claims").as_uri()
    settings.PUBLIC_URL = "https://holdfast.example"
    ScriptedHandler.reset()
    yield
    ScriptedHandler.reset()
    load_handler.cache_clear()
    close_stores()


@pytest.fixture
def in_s3(settings: Any, s3: FakeS3) -> FakeS3:
    settings.CLAIM_CHECK_URL = f"s3://{s3.bucket}/claims"
    settings.ARCHIVE_S3_ENDPOINT = s3.url
    settings.ARCHIVE_S3_REGION = "auto"
    settings.ARCHIVE_S3_ACCESS_KEY_ID = s3.access_key
    settings.ARCHIVE_S3_SECRET_ACCESS_KEY = s3.secret_key
    return s3
