"""The archive into a bucket: each turn a conditional put over HTTP, with checksum and signature."""

import contextlib
import hashlib
import http.client
import os
import signal
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit
from uuid import uuid4

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.conf import settings
from django.test.utils import override_settings

from bench.harness.drain import drain_rate
from bench.harness.flushed import bodies
from bench.harness.load import recorded_turns
from bench.harness.private import PROJECT, empty_tables
from bench.harness.result import BenchError, Figure, at_least
from bench.harness.sizes import Size
from config.services import process
from outbox.destinations import load_handler
from tests.fakes.s3 import FakeS3

BAR = 400
ROUNDS = 5
REGION = "us-east-1"
READY_SECONDS = 30.0


def measure(size: Size) -> list[Figure]:
    """Drain with the archive's own settings; send as many puts that were signed before, in turn."""
    relayed, bare = [], []
    empty_tables()
    with fake_store() as url, override_settings(**archive_in(url)):
        load_handler.cache_clear()
        for number in range(min(size.rounds, ROUNDS)):
            recorded_turns(size.objects, first=number * size.objects)
            relayed.append(drain_rate("archive", size.objects))
            bare.append(put_rate(url, size.objects))
        load_handler.cache_clear()
    return [
        at_least(
            "relay drain to the fake S3", median(relayed), "/s", BAR, median(bare),
            "puts signed beforehand, one connection", "1 delivery a lane, over HTTP to another process",
        )
    ]  # fmt: skip


def archive_in(url: str) -> dict[str, str]:
    return {
        "ARCHIVE_URL": f"s3://{FakeS3.bucket}",
        "ARCHIVE_S3_ENDPOINT": url,
        "ARCHIVE_S3_REGION": REGION,
        "ARCHIVE_S3_ACCESS_KEY_ID": FakeS3.access_key,
        "ARCHIVE_S3_SECRET_ACCESS_KEY": FakeS3.secret_key,
    }


@contextlib.contextmanager
def fake_store() -> Iterator[str]:
    """Run the fake store in a process of its own, which cannot outlive this one, and give its address."""
    log = Path(settings.LOCAL_DIR) / "log" / f"s3-{uuid4().hex}.log"
    environ = dict(os.environ) | {"PYTHONPATH": str(PROJECT)}
    pid = process.spawn(
        [sys.executable, "-m", "tests.fakes.s3", "--port", "0"],
        log=log,
        environ=environ,
        die_with_parent=signal.SIGTERM,
    )
    try:
        if not process.wait_until(lambda: "\n" in log.read_text(encoding="utf-8"), READY_SECONDS):
            raise BenchError("The fake S3 store did not start.")
        yield log.read_text(encoding="utf-8").splitlines()[0]
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def put_rate(url: str, objects: int) -> float:
    """Return how many ready-made puts a second one connection gets answered."""
    parts = urlsplit(url)
    ready = [signed(url, body) for _, body in zip(range(objects), bodies(), strict=False)]
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    began = time.perf_counter()
    for path, body, headers in ready:
        connection.request("PUT", path, body, headers)
        response = connection.getresponse()
        response.read()
        if response.status != http.HTTPStatus.OK:
            raise BenchError(f"The fake S3 store answered {response.status} to a plain put.")
    seconds = time.perf_counter() - began
    connection.close()
    return objects / seconds


def signed(url: str, body: bytes) -> tuple[str, bytes, dict[str, str]]:
    """Return path, body and headers of a conditional put under a fresh key."""
    path = f"/{FakeS3.bucket}/bench/{uuid4().hex}"
    checksum = b64encode(hashlib.sha256(body).digest()).decode()
    headers = {"If-None-Match": "*", "x-amz-checksum-sha256": checksum, "Content-Type": "application/json"}
    request = AWSRequest("PUT", url + path, headers, body)
    S3SigV4Auth(Credentials(FakeS3.access_key, FakeS3.secret_key), "s3", REGION).add_auth(request)
    return path, body, dict(request.headers)
