"""The S3 sink told no: each refusal has a code, an extent and a message without secrets."""

import hashlib
from base64 import b64encode
from pathlib import Path

import pytest

from persistence.archive.sinks import ObjectMissing, Sink, SinkError, open_sink
from tests.fakes.s3 import FakeS3
from tests.persistence.archive.sink_helpers import config, refused


@pytest.mark.parametrize(
    ("status", "theirs", "code", "endpoint_down"),
    [
        (301, "PermanentRedirect", "wrong_endpoint", True),
        (307, "TemporaryRedirect", "wrong_endpoint", True),
        (400, "BadDigest", "checksum_rejected", False),
        (400, "XAmzContentSHA256Mismatch", "checksum_rejected", False),
        (400, "RequestTimeout", "timeout", True),
        (400, "AuthorizationHeaderMalformed", "wrong_endpoint", True),
        (400, "EntityTooLarge", "too_large", False),
        (400, "InvalidArgument", "rejected", False),
        (401, "Unauthorized", "forbidden", True),
        (403, "AccessDenied", "forbidden", True),
        (403, "RequestTimeTooSkewed", "clock_skew", True),
        (404, "NoSuchBucket", "no_bucket", True),
        (405, "MethodNotAllowed", "unsupported", True),
        (409, "ConditionalRequestConflict", "conflict", False),
        (413, "EntityTooLarge", "too_large", False),
        (418, "Teapot", "rejected", False),
        (429, "TooManyRequests", "throttled", True),
        (500, "InternalError", "server_error", True),
        (501, "NotImplemented", "unsupported", True),
        (502, "BadGateway", "server_error", True),
        (503, "SlowDown", "throttled", True),
        (503, "ServiceUnavailable", "server_error", True),
        (507, "XMinioStorageFull", "no_space", True),
    ],
)
def test_each_refusal_has_its_code_and_says_whether_the_whole_store_is_out(
    s3: FakeS3, sink: Sink, status: int, theirs: str, code: str, endpoint_down: bool
) -> None:
    s3.fail("status", status=status, code=theirs)
    error = refused(sink)
    assert (error.code, error.endpoint_down, error.retry_after) == (code, endpoint_down, None)
    assert str(status) in str(error)
    assert_no_credentials(error, s3)
    s3.heal()
    assert sink.put_if_absent("turns/1", b"body") is True


def assert_no_credentials(error: BaseException | None, s3: FakeS3) -> None:
    while error:
        for secret in (s3.access_key, s3.secret_key, "AWS4-HMAC"):
            assert secret not in str(error)
            assert secret not in repr(error)
        error = error.__cause__


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("999999", 3600.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600.0),
        ("Fri, 99 Jan 2100", None),
    ],
)
def test_retry_after_is_read_within_reason(
    s3: FakeS3, sink: Sink, header: str, seconds: float | None
) -> None:
    s3.fail("status", status=503, retry_after=header)
    assert refused(sink).retry_after == seconds


def test_one_call_is_one_request_because_the_outbox_alone_retries(s3: FakeS3, sink: Sink) -> None:
    for fault in ("refuse", "lose_answer", "status"):
        s3.heal()
        s3.control({"do": "forget"})
        s3.fail(fault, times=1)
        refused(sink, f"turns/{fault}")
        assert len(s3.requests()) == 1


def test_wrong_credentials_put_the_whole_store_out_and_stay_out_of_the_message(s3: FakeS3) -> None:
    for wrong in ({"secret_key": "another-secret"}, {"access_key": "another-key"}):
        settings = config(s3, **wrong)
        sink = open_sink(settings)
        error = refused(sink)
        sink.close()
        assert (error.code, error.endpoint_down) == ("forbidden", True)
        assert "another" not in str(error)
        assert settings.secret_key not in repr(settings)


def test_without_any_credentials_the_message_says_what_to_set(
    s3: FakeS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    sink = open_sink(config(s3, access_key="", secret_key=""))
    error = refused(sink)
    sink.close()
    assert (error.code, error.endpoint_down) == ("forbidden", True)
    assert "Set the access key" in str(error)


def test_a_missing_bucket_is_not_taken_for_a_missing_object(s3: FakeS3) -> None:
    sink = open_sink(config(s3, url="s3://another-bucket"))
    assert refused(sink).code == "no_bucket"
    with pytest.raises(SinkError) as caught:
        sink.get("turns/1")
    assert not isinstance(caught.value, ObjectMissing)
    assert (caught.value.code, caught.value.endpoint_down) == ("no_bucket", True)
    with pytest.raises(SinkError) as caught:
        list(sink.list())
    assert caught.value.code == "no_bucket"
    sink.close()


def test_every_put_carries_its_condition_and_its_digest_for_the_store_to_check(
    s3: FakeS3, sink: Sink
) -> None:
    sink.put_if_absent("turns/1", b"body")
    (request,) = s3.requests("PUT")
    digest = hashlib.sha256(b"body")
    assert request["if_none_match"] == "*"
    assert request["sha256"] == digest.hexdigest()
    assert request["checksum"] == b64encode(digest.digest()).decode()
