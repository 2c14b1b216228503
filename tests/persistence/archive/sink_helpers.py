"""What the tests of the sinks share."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from persistence.archive.sinks import Sink, SinkConfig, SinkError
from persistence.archive.sinks.files import FileSink
from tests.fakes.s3 import FakeS3


def config(s3: FakeS3, **changes: Any) -> SinkConfig:
    """Return settings that reach the fake store."""
    return SinkConfig(
        **{
            "url": f"s3://{s3.bucket}",
            "endpoint": s3.url,
            "region": "auto",
            "access_key": s3.access_key,
            "secret_key": s3.secret_key,
        }
        | changes
    )


def refused(sink: Sink, key: str = "turns/1", body: bytes = b"body") -> SinkError:
    """Return the error of a put that must fail."""
    with pytest.raises(SinkError) as caught:
        sink.put_if_absent(key, body)
    return caught.value


def open_descriptors() -> int:
    """Return how many file descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


class FailingSink(FileSink):
    """Fails with one error number where the file is flushed."""

    error = errno.ENOSPC

    def _flush_file(self, _descriptor: int) -> None:
        raise OSError(self.error, os.strerror(self.error))
