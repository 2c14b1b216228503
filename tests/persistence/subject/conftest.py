"""An archive, a store of claims and a desk that does what it is told, all of the test's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.destinations import destinations
from outbox.destinations import load_handler
from persistence.claim_check.store import close_stores
from tests.fakes.s3 import FakeS3
from tests.outbox.support import ScriptedHandler
from tests.persistence.claim_check.support import behind_claim_check
from tests.persistence.subject.support import Owing


@pytest.fixture(autouse=True)
def stores(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.OUTBOX_DESTINATIONS = destinations() | behind_claim_check()
    settings.ARCHIVE_URL = (tmp_path / "archive").as_uri()
    settings.CLAIM_CHECK_URL = (tmp_path / "claims").as_uri()
    settings.PUBLIC_URL = "https://holdfast.example"
    load_handler.cache_clear()
    ScriptedHandler.reset()
    yield tmp_path
    ScriptedHandler.reset()
    load_handler.cache_clear()
    close_stores()


@pytest.fixture
def owing(settings: Any) -> Iterator[type[Owing]]:
    settings.SUBJECT_PARTS = ["tests.persistence.subject.support.Owing", *settings.SUBJECT_PARTS]
    yield Owing
    Owing.reasons, Owing.copies = [], []


@pytest.fixture
def s3(settings: Any) -> Iterator[FakeS3]:
    with FakeS3() as fake:
        settings.ARCHIVE_URL = f"s3://{fake.bucket}/turns-of-ours"
        settings.CLAIM_CHECK_URL = f"s3://{fake.bucket}/claims"
        settings.ARCHIVE_S3_ENDPOINT = fake.url
        settings.ARCHIVE_S3_REGION = "auto"
        settings.ARCHIVE_S3_ACCESS_KEY_ID = fake.access_key
        settings.ARCHIVE_S3_SECRET_ACCESS_KEY = fake.secret_key
        yield fake
        close_stores()
