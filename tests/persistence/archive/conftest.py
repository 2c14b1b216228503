"""A fake store and sinks that lead to it."""

from collections.abc import Iterator

import pytest

from persistence.archive.sinks import Sink, open_sink
from tests.fakes.s3 import FakeS3
from tests.persistence.archive.sink_helpers import config


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    with FakeS3() as fake:
        yield fake


@pytest.fixture
def sink(s3: FakeS3) -> Iterator[Sink]:
    opened = open_sink(config(s3))
    yield opened
    opened.close()


@pytest.fixture
def hasty(s3: FakeS3) -> Iterator[Sink]:
    """A sink whose calls may take half a second."""
    opened = open_sink(config(s3, deadline_seconds=0.5))
    yield opened
    opened.close()
