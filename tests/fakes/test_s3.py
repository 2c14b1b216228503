"""The fake store earns its trust: what a real one refuses, it refuses, and its faults are what they say."""

import hashlib
import http.client
import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.fakes.s3 import FakeS3

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    with FakeS3() as fake:
        yield fake


def client(s3: FakeS3, **keys: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3.url,
        region_name="auto",
        aws_access_key_id=keys.get("access_key", s3.access_key),
        aws_secret_access_key=keys.get("secret_key", s3.secret_key),
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )


def put(s3: FakeS3, key: str, body: bytes, **headers: str) -> tuple[int, str]:
    """Send a signed PUT with exactly these headers and return (status, S3 error code)."""
    request = AWSRequest("PUT", f"{s3.url}/{s3.bucket}/{key}", headers=headers, data=body)
    S3SigV4Auth(Credentials(s3.access_key, s3.secret_key), "s3", "auto").add_auth(request)
    return send(s3, "PUT", urlsplit(str(request.url)).path, body, dict(request.headers.items()))


def send(s3: FakeS3, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
    connection = http.client.HTTPConnection(urlsplit(s3.url).netloc, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, text.partition("<Code>")[2].partition("</Code>")[0]
    finally:
        connection.close()


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_wrong_digest_of_any_kind_is_refused_and_nothing_is_stored(s3: FakeS3) -> None:
    sha256 = b64encode(hashlib.sha256(b"other").digest()).decode()
    md5 = b64encode(hashlib.md5(b"other").digest()).decode()
    assert put(s3, "k", b"body", **{"x-amz-checksum-sha256": sha256}) == (400, "BadDigest")
    assert put(s3, "k", b"body", **{"Content-MD5": md5}) == (400, "BadDigest")
    assert put(s3, "k", b"body", **{"Content-MD5": "nonsense"}) == (400, "InvalidDigest")
    assert put(s3, "k", b"body", **{"x-amz-checksum-sha256": "abcd"}) == (400, "InvalidRequest")
    assert put(s3, "k", b"body", **{"x-amz-checksum-sha256": ""}) == (400, "InvalidRequest")
    assert s3.objects() == {}
    assert put(s3, "k", b"other", **{"x-amz-checksum-sha256": sha256, "Content-MD5": md5}) == (200, "")


def test_a_body_that_is_not_the_signed_one_is_refused(s3: FakeS3) -> None:
    request = AWSRequest("PUT", f"{s3.url}/{s3.bucket}/k", data=b"body")
    S3SigV4Auth(Credentials(s3.access_key, s3.secret_key), "s3", "auto").add_auth(request)
    headers = dict(request.headers.items())
    assert send(s3, "PUT", f"/{s3.bucket}/k", b"tamp", headers) == (400, "XAmzContentSHA256Mismatch")
    assert s3.objects() == {}


def test_a_request_without_signature_with_a_wrong_key_or_a_wrong_secret_is_refused(s3: FakeS3) -> None:
    assert send(s3, "GET", f"/{s3.bucket}/k") == (403, "AccessDenied")
    with pytest.raises(ClientError) as caught:
        client(s3, access_key="somebody").put_object(Bucket=s3.bucket, Key="k", Body=b"x")
    assert code_of(caught) == "InvalidAccessKeyId"
    with pytest.raises(ClientError) as caught:
        client(s3, secret_key="wrong").put_object(Bucket=s3.bucket, Key="k", Body=b"x")
    assert code_of(caught) == "SignatureDoesNotMatch"
    assert s3.objects() == {}


def test_if_none_match_refuses_what_exists_and_a_plain_put_overwrites(s3: FakeS3) -> None:
    store = client(s3)
    store.put_object(Bucket=s3.bucket, Key="k", Body=b"one", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        store.put_object(Bucket=s3.bucket, Key="k", Body=b"two", IfNoneMatch="*")
    assert code_of(caught) == "PreconditionFailed"
    assert s3.objects() == {"k": b"one"}
    store.put_object(Bucket=s3.bucket, Key="k", Body=b"two")
    assert s3.objects() == {"k": b"two"}


def test_buckets_objects_and_heads_behave_like_s3(s3: FakeS3) -> None:
    store = client(s3)
    store.create_bucket(Bucket="second", CreateBucketConfiguration={"LocationConstraint": "auto"})
    store.head_bucket(Bucket="second")
    store.put_object(Bucket="second", Key="a b+c/é", Body=b"body", ContentType="text/plain")
    head = store.head_object(Bucket="second", Key="a b+c/é")
    assert head["ContentLength"] == 4
    assert head["ETag"] == f'"{hashlib.md5(b"body").hexdigest()}"'
    store.delete_object(Bucket="second", Key="a b+c/é")
    with pytest.raises(ClientError) as caught:
        store.get_object(Bucket="second", Key="a b+c/é")
    assert code_of(caught) == "NoSuchKey"
    with pytest.raises(ClientError) as caught:
        store.put_object(Bucket="third", Key="k", Body=b"x")
    assert code_of(caught) == "NoSuchBucket"


def test_a_listing_has_pages_prefixes_and_a_start(s3: FakeS3) -> None:
    store = client(s3)
    wanted = [f"turns/{number:02} é&<>" for number in range(7)]
    for key in [*wanted, "heads/1"]:
        store.put_object(Bucket=s3.bucket, Key=key, Body=b"x")
    pages = list(
        store.get_paginator("list_objects_v2").paginate(
            Bucket=s3.bucket, Prefix="turns/", StartAfter=wanted[1], PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["Contents"]) for page in pages] == [2, 2, 1]
    assert [entry["Key"] for page in pages for entry in page["Contents"]] == wanted[2:]
    plain = store.list_objects_v2(Bucket=s3.bucket, EncodingType="url")
    assert plain["KeyCount"] == 8


def test_faults_strike_as_often_as_ordered_and_only_where_ordered(s3: FakeS3) -> None:
    store = client(s3)
    s3.fail("status", status=503, times=2, methods=["PUT"], key_contains="turns/")
    store.put_object(Bucket=s3.bucket, Key="heads/1", Body=b"x")
    for _ in range(2):
        with pytest.raises(ClientError):
            store.put_object(Bucket=s3.bucket, Key="turns/1", Body=b"x")
    store.put_object(Bucket=s3.bucket, Key="turns/1", Body=b"x")
    assert s3.control({"do": "hits"}) == {"hits": {"status": 2}}
    assert [entry["fault"] for entry in s3.requests("PUT")] == [None, "status", "status", None]


def test_a_share_of_requests_fails_the_same_way_for_the_same_seed(s3: FakeS3) -> None:
    def run() -> list[int]:
        s3.control({"do": "forget"})
        s3.heal()
        s3.fail("status", status=500, share=0.3, seed=7)
        for number in range(40):
            send(s3, "PUT", f"/{s3.bucket}/{number}")
        return [entry["status"] for entry in s3.requests()]

    first = run()
    assert {500, 403} == set(first)
    assert run() == first


def test_objects_can_be_swapped_damaged_and_deleted_behind_everybodys_back(s3: FakeS3) -> None:
    store = client(s3)
    for key in ("one", "two", "three"):
        store.put_object(Bucket=s3.bucket, Key=key, Body=key.encode())
    s3.control({"do": "swap", "bucket": s3.bucket, "keys": ["one", "two"]})
    s3.control({"do": "delete", "bucket": s3.bucket, "key": "three"})
    assert s3.objects() == {"one": b"two", "two": b"one"}
    s3.control({"do": "corrupt", "bucket": s3.bucket, "key": "one"})
    assert s3.objects()["one"] == b"uwo"
    assert s3.control({"do": "keys", "bucket": s3.bucket}) == {"keys": ["one", "two"]}


def test_a_silently_damaged_object_is_served_as_if_nothing_were_wrong(s3: FakeS3) -> None:
    store = client(s3)
    for fault in ("corrupt", "truncate"):
        s3.heal()
        s3.fail(fault, methods=["PUT"])
        store.put_object(Bucket=s3.bucket, Key=fault, Body=b"body")
        assert store.get_object(Bucket=s3.bucket, Key=fault)["Body"].read() == s3.objects()[fault] != b"body"


def test_an_order_that_makes_no_sense_is_refused(s3: FakeS3) -> None:
    for order in (
        {"do": "fault", "kind": "explode"},
        {"do": "dance"},
        {"do": "fault", "kind": "drip", "x": 1},
    ):
        assert send(s3, "POST", "/_control", json.dumps(order).encode())[0] == 400
    assert send(s3, "POST", "/_control", b"not json")[0] == 400


def test_a_stopped_store_comes_back_on_its_port_with_everything(s3: FakeS3) -> None:
    client(s3).put_object(Bucket=s3.bucket, Key="k", Body=b"x")
    url = s3.url
    s3.stop()
    with pytest.raises(ConnectionRefusedError):
        send(s3, "GET", "/")
    s3.start()
    assert s3.url == url
    assert client(s3).get_object(Bucket=s3.bucket, Key="k")["Body"].read() == b"x"


def test_as_a_process_it_prints_its_url_takes_orders_and_keeps_what_it_stored(tmp_path: Path) -> None:
    for expected in ([], ["deep/k é"]):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.s3", "--port", "0", "--directory", str(tmp_path)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            s3 = Remote(process.stdout.readline().strip())
            listed = client(s3).list_objects_v2(Bucket=s3.bucket).get("Contents", [])
            assert [entry["Key"] for entry in listed] == expected
            client(s3).put_object(Bucket=s3.bucket, Key="deep/k é", Body=b"body\n\nbody")
            assert client(s3).get_object(Bucket=s3.bucket, Key="deep/k é")["Body"].read() == b"body\n\nbody"
            assert (
                send(s3, "POST", "/_control", b'{"do": "fault", "kind": "status", "status": 500}')[0] == 200
            )
            with pytest.raises(ClientError):
                client(s3).get_object(Bucket=s3.bucket, Key="deep/k é")
            process.terminate()
            assert process.wait() == 0


class Remote(FakeS3):
    """The fake in another process, as far as these tests address it."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url


def test_an_address_opens_exactly_the_object_that_it_was_signed_for(s3: FakeS3) -> None:
    put(s3, "mine", b"body")
    put(s3, "other", b"secret")
    whole = client(s3).generate_presigned_url("get_object", Params={"Bucket": s3.bucket, "Key": "mine"})
    target = whole.removeprefix(s3.url)
    assert send(s3, "GET", target)[0] == 200
    for wrong in (
        target.replace("/mine", "/other"),
        target.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"),
        target[:-1] + ("0" if target[-1] != "0" else "1"),
        target.partition("?")[0],
    ):
        assert send(s3, "GET", wrong)[0] == 403
    assert send(s3, "PUT", target, b"x")[0] == 403


def test_an_address_ends_when_it_says(s3: FakeS3) -> None:
    put(s3, "mine", b"body")
    for seconds in (-1, 604_801):
        target = client(s3).generate_presigned_url(
            "get_object", Params={"Bucket": s3.bucket, "Key": "mine"}, ExpiresIn=seconds
        )
        assert send(s3, "GET", target.removeprefix(s3.url))[0] == 403
