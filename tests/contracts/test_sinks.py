"""The one contract of every sink, held against each adapter: a directory, our own S3, and moto's idea of S3.

Ours checks digests and signatures; moto accepts wrong ones, but it is another's reading of S3.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from persistence.archive.sinks import (
    Deletes,
    ObjectDiffers,
    ObjectMissing,
    Presigns,
    Sink,
    SinkConfig,
    SinkError,
    open_sink,
    s3,
)
from tests.fakes.s3 import FakeS3

SINKS = ("file", "fake-s3", "fake-s3-prefix", "moto")

HOSTILE_KEYS = [
    "",
    "/absolute",
    "trailing/",
    "double//slash",
    "..",
    "../above",
    "turns/../../above",
    ".",
    "turns/./here",
    ".hidden",
    "turns/.staging/x",
    "nul\0byte",
    "line\nbreak",
    "carriage\rreturn",
    "back\\slash",
    "delete\x7f",
    "lone\ud800surrogate",
    "x" * 256,
    "/".join(["segment"] * 200),
]

AWKWARD_KEYS = [
    "spaces in a name",
    "percent%2Fencoded%00",
    "plus+and&and=and?and#",
    "quotes'\"<>&amp;",
    "tilde~colon:semi;comma,",
    "ünï/cødé/日本語/😀",
    "e\u0301-and-\u00e9-are-two-keys",
    "deep/" * 40 + "leaf",
    "x" * 255,
]


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deletes]:
    if request.param == "file":
        opened = open_sink(SinkConfig(url=(tmp_path / "archive").as_uri()))
        yield opened
        opened.close()
    elif request.param == "moto":
        yield from _moto_sink(request.getfixturevalue("moto_url"))
    else:
        with FakeS3() as fake:
            prefix = "/some/prefix" if request.param == "fake-s3-prefix" else ""
            opened = open_sink(
                SinkConfig(
                    url=f"s3://{fake.bucket}{prefix}",
                    endpoint=fake.url,
                    region="auto",
                    access_key=fake.access_key,
                    secret_key=fake.secret_key,
                )
            )
            yield opened
            opened.close()


def _moto_sink(url: str) -> Iterator[Deletes]:
    bucket = f"archive-{uuid.uuid4().hex}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket=bucket)
    client.close()
    opened = open_sink(
        SinkConfig(url=f"s3://{bucket}", endpoint=url, region="us-east-1", access_key="any", secret_key="any")
    )
    yield opened
    opened.close()


def keys(sink: Sink, prefix: str = "", **options: Any) -> list[str]:
    return [found.key for found in sink.list(prefix, **options)]


def test_what_was_put_comes_back_and_says_it_was_written(sink: Sink) -> None:
    assert sink.put_if_absent("turns/1", b"body") is True
    assert sink.get("turns/1") == b"body"


def test_the_same_put_again_says_it_was_there(sink: Sink) -> None:
    sink.put_if_absent("turns/1", b"body")
    assert sink.put_if_absent("turns/1", b"body") is False
    assert keys(sink) == ["turns/1"]


def test_other_content_is_refused_and_the_first_is_kept(sink: Sink) -> None:
    sink.put_if_absent("turns/1", b"body")
    for other in (b"other", b"bodY", b"body ", b"", b"bod"):
        with pytest.raises(ObjectDiffers) as caught:
            sink.put_if_absent("turns/1", other)
        assert (caught.value.code, caught.value.endpoint_down) == ("digest_mismatch", False)
    assert sink.get("turns/1") == b"body"


def test_of_32_racers_with_different_bodies_one_wins_and_31_are_told(sink: Sink) -> None:
    def race(number: int) -> bool | None:
        try:
            return sink.put_if_absent("turns/raced", f"racer {number}".encode())
        except ObjectDiffers:
            return None

    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(race, range(32)))
    assert (results.count(True), results.count(None)) == (1, 31)
    assert sink.get("turns/raced") == f"racer {results.index(True)}".encode()


def test_of_32_racers_with_the_same_body_one_writes_and_31_find_it(sink: Sink) -> None:
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(lambda _: sink.put_if_absent("turns/raced", b"same"), range(32)))
    assert (results.count(True), results.count(False)) == (1, 31)


def test_many_threads_put_many_keys_at_once(sink: Sink) -> None:
    wanted = {f"turns/{number % 7}/{number:03}": f"body {number}".encode() for number in range(60)}
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(sink.put_if_absent, wanted.keys(), wanted.values()))
    assert {key: sink.get(key) for key in keys(sink)} == wanted


def test_a_missing_object_is_named(sink: Sink) -> None:
    sink.put_if_absent("turns/1", b"body")
    for key in ("turns/2", "elsewhere/deep/1"):
        with pytest.raises(ObjectMissing, match=key) as caught:
            sink.get(key)
        assert caught.value.code == "missing"
        assert caught.value.endpoint_down is False


def test_an_empty_store_lists_nothing_and_misses_everything(sink: Sink) -> None:
    assert keys(sink) == []
    with pytest.raises(ObjectMissing):
        sink.get("turns/1")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0", id="nul"),
        pytest.param(bytes(range(256)) * 3, id="every-byte"),
        pytest.param(b"\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", id="looks-like-http"),
        pytest.param(b"\x1f\x8b\x08" + b"\xff" * 100, id="looks-like-gzip"),
        pytest.param(bytes(range(256)) * 1200, id="300-KiB"),
    ],
)
def test_bodies_are_kept_byte_for_byte(sink: Sink, body: bytes) -> None:
    assert sink.put_if_absent("turns/exact", body) is True
    assert sink.get("turns/exact") == body
    assert [(found.key, found.size) for found in sink.list()] == [("turns/exact", len(body))]
    assert sink.put_if_absent("turns/exact", body) is False


def test_keys_are_listed_in_code_point_order_over_the_whole_tree(sink: Sink) -> None:
    mixed = [
        "a/b",
        "a-b",
        "a.b",
        "a0",
        "A",
        "a/b-c",
        "a/c/d",
        "a/c.d",
        "b",
        "é",
        "z",
        "\ufb00",
        "😀",
        "10",
        "9",
    ]
    for key in mixed:
        sink.put_if_absent(key, key.encode())
    assert keys(sink) == sorted(mixed)


def test_a_prefix_is_the_start_of_a_key_and_need_not_be_a_folder(sink: Sink) -> None:
    for key in ("turns/1/a", "turns/10/a", "turns/2/a", "turnstile", "heads/1"):
        sink.put_if_absent(key, b"x")
    assert keys(sink, "turns/1") == ["turns/1/a", "turns/10/a"]
    assert keys(sink, "turns/") == ["turns/1/a", "turns/10/a", "turns/2/a"]
    assert keys(sink, "turns") == ["turns/1/a", "turns/10/a", "turns/2/a", "turnstile"]
    assert keys(sink, "nothing/here") == []


def test_a_listing_resumes_after_any_key_even_one_that_is_not_there(sink: Sink) -> None:
    stored = ["a/1", "a/2", "a/3", "b/1", "b/2/x", "c"]
    for key in stored:
        sink.put_if_absent(key, b"x")
    for start_after in ("a", "a/", "a/2", "a/2x", "b/1", "b/2/zzz", "c", "zzz"):
        left = [key for key in stored if key > start_after]
        assert keys(sink, start_after=start_after) == left
        assert keys(sink, "a/", start_after=start_after) == [key for key in left if key.startswith("a/")]


def test_a_listing_goes_on_over_pages(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PAGE_SIZE", 4)
    stored = [f"turns/{number % 3}/{number:02}+é" for number in range(13)]
    for key in stored:
        sink.put_if_absent(key, b"x")
    assert keys(sink) == sorted(stored)
    assert keys(sink, start_after="turns/1") == [key for key in sorted(stored) if key > "turns/1"]


def test_a_listing_can_be_left_half_way(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PAGE_SIZE", 2)
    for number in range(5):
        sink.put_if_absent(f"turns/{number}", b"x")
    listing = sink.list()
    assert next(listing).key == "turns/0"
    del listing
    assert sink.put_if_absent("turns/9", b"x") is True


def test_a_listing_tells_when_the_store_wrote(sink: Sink) -> None:
    sink.put_if_absent("turns/1", b"x")
    (found,) = sink.list()
    assert found.modified.tzinfo is not None
    assert abs(datetime.now(UTC) - found.modified) < timedelta(hours=1)


def test_a_hostile_key_is_refused_before_anything_is_touched(sink: Deletes) -> None:
    for key in HOSTILE_KEYS:
        for call in (
            partial(sink.put_if_absent, key, b"x"),
            partial(sink.get, key),
            partial(sink.delete, key),
        ):
            with pytest.raises(SinkError) as caught:
                call()
            assert (caught.value.code, caught.value.endpoint_down) == ("bad_key", False), ascii(key)
    assert keys(sink) == []


def test_an_awkward_key_is_stored_under_exactly_its_name(sink: Sink) -> None:
    for key in AWKWARD_KEYS:
        assert sink.put_if_absent(key, key.encode()) is True
    for key in AWKWARD_KEYS:
        assert sink.get(key) == key.encode()
        assert keys(sink, key[:-1]) == [key]
        assert keys(sink, start_after=key) == sorted(other for other in AWKWARD_KEYS if other > key)
    assert keys(sink) == sorted(AWKWARD_KEYS)


def test_a_body_too_large_to_read_back_is_not_written(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("persistence.archive.sinks.keys.MAX_OBJECT_BYTES", 100)
    with pytest.raises(SinkError) as caught:
        sink.put_if_absent("turns/1", b"x" * 101)
    assert (caught.value.code, caught.value.endpoint_down) == ("too_large", False)
    assert keys(sink) == []
    assert sink.put_if_absent("turns/1", b"x" * 100) is True


def test_what_was_deleted_is_gone_and_its_neighbours_stay(sink: Deletes) -> None:
    for key in AWKWARD_KEYS:
        sink.put_if_absent(key, b"x")
    gone, *left = AWKWARD_KEYS
    sink.delete(gone)
    assert keys(sink) == sorted(left)
    with pytest.raises(ObjectMissing):
        sink.get(gone)


def test_deleting_what_is_not_there_is_no_error(sink: Deletes) -> None:
    sink.delete("nowhere/at/all")
    sink.put_if_absent("turns/1", b"x")
    sink.delete("turns/2")
    sink.delete("turns/1")
    sink.delete("turns/1")
    assert keys(sink) == []


def test_a_deleted_key_can_be_put_again_with_other_content(sink: Deletes) -> None:
    sink.put_if_absent("turns/1", b"first")
    sink.delete("turns/1")
    assert sink.put_if_absent("turns/1", b"second") is True
    assert sink.get("turns/1") == b"second"


def test_an_address_gives_the_object_to_whoever_holds_it(sink: Deletes) -> None:
    if not isinstance(sink, Presigns):
        assert sink.location.startswith("file://")  # whoever keeps a directory hands its files out himself
        return
    for key in ("turns/1", *AWKWARD_KEYS):
        sink.put_if_absent(key, key.encode())
        with urlopen(sink.presigned_get(key, seconds=60), timeout=10) as answer:
            assert answer.read() == key.encode()
            assert answer.headers["Content-Type"] == "application/json"


def test_a_sink_says_where_it_is_and_closes_twice(sink: Sink) -> None:
    assert sink.location.startswith(("file:///", "s3://"))
    sink.put_if_absent("turns/1", b"x")
    sink.close()
    sink.close()
