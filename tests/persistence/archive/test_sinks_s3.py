"""The S3 sink against a store that fails in every way a store can."""

import errno
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from persistence.archive.sinks import ObjectDiffers, ObjectMissing, Sink, SinkConfig, SinkError, open_sink
from persistence.archive.sinks.s3_resolver import Resolver
from tests.fakes.s3 import FakeS3

REPOSITORY = Path(__file__).parents[3]


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


def config(s3: FakeS3, **changes: Any) -> SinkConfig:
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
    with pytest.raises(SinkError) as caught:
        sink.put_if_absent(key, body)
    return caught.value


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- What the store says ----------------------------------------------------------------------------------


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


# --- Answers that are lost, late or wrong -----------------------------------------------------------------


def test_after_a_lost_answer_the_retry_finds_its_own_object(s3: FakeS3, sink: Sink) -> None:
    s3.fail("lose_answer", times=1)
    error = refused(sink)
    assert (error.code, error.endpoint_down) == ("connection_lost", True)
    assert sink.put_if_absent("turns/1", b"body") is False
    assert s3.objects() == {"turns/1": b"body"}


def test_a_store_that_is_not_there_is_unreachable(s3: FakeS3, sink: Sink) -> None:
    s3.stop()
    error = refused(sink)
    assert (error.code, error.endpoint_down) == ("unreachable", True)
    s3.start()
    assert sink.put_if_absent("turns/1", b"body") is True


def test_a_connection_the_store_has_closed_meanwhile_is_not_used(s3: FakeS3, sink: Sink) -> None:
    sink.put_if_absent("turns/1", b"body")
    s3.stop()
    s3.start()
    assert sink.put_if_absent("turns/2", b"body") is True


@pytest.mark.parametrize("fault", ["black_hole", "drip"])
def test_a_call_ends_at_its_deadline_however_the_store_stalls(s3: FakeS3, hasty: Sink, fault: str) -> None:
    hasty.put_if_absent("turns/0", b"zero")
    s3.fail(fault)  # at one byte a second the shortest answer takes minutes: longer than a test may run
    calls = (
        lambda: hasty.put_if_absent("turns/1", b"body"),
        lambda: hasty.get("turns/0"),
        lambda: list(hasty.list()),
    )
    for call in calls:
        with pytest.raises(SinkError) as caught:
            call()
        assert (caught.value.code, caught.value.endpoint_down) == ("timeout", True)
    s3.heal()
    assert hasty.get("turns/0") == b"zero"


def test_the_comparison_after_412_shares_the_deadline_of_its_put(s3: FakeS3, hasty: Sink) -> None:
    hasty.put_if_absent("turns/1", b"body")
    s3.fail("drip", methods=["GET"])
    assert refused(hasty).code == "timeout"
    s3.heal()
    assert hasty.put_if_absent("turns/1", b"body") is False


def test_calls_that_time_out_leave_no_thread_and_no_descriptor(s3: FakeS3, hasty: Sink) -> None:
    hasty.put_if_absent("turns/0", b"zero")
    threads, descriptors = threading.active_count(), open_descriptors()
    for fault in ("black_hole", "drip", "refuse", "lose_answer"):
        s3.heal()
        s3.fail(fault)
        for _ in range(2):
            refused(hasty)
    s3.heal()
    hasty.put_if_absent("turns/1", b"body")
    s3.stop()  # waits until the store has let go of its own ends
    s3.start()
    hasty.put_if_absent("turns/2", b"body")
    assert threading.active_count() == threads
    assert open_descriptors() <= descriptors


def test_half_an_answer_is_no_answer(s3: FakeS3, sink: Sink) -> None:
    sink.put_if_absent("turns/1", b"body" * 100)
    s3.fail("truncate", methods=["GET"])
    with pytest.raises(SinkError) as caught:
        sink.get("turns/1")
    assert (caught.value.code, caught.value.endpoint_down) == ("connection_lost", True)


def test_damage_that_the_stores_own_checksum_shows_is_named(s3: FakeS3, sink: Sink) -> None:
    s3.fail("corrupt", visible=True, times=1)
    sink.put_if_absent("turns/1", b"body")
    with pytest.raises(SinkError) as caught:
        sink.get("turns/1")
    assert (caught.value.code, caught.value.endpoint_down) == ("corrupted", False)


def test_a_store_that_admits_another_checksum_has_not_stored_it(s3: FakeS3, sink: Sink) -> None:
    s3.fail("corrupt", honest=True)
    error = refused(sink)
    assert (error.code, error.endpoint_down) == ("corrupted", False)


@pytest.mark.parametrize("fault", ["corrupt", "truncate"])
def test_silent_damage_is_found_by_the_next_put_of_the_same_object(
    s3: FakeS3, sink: Sink, fault: str
) -> None:
    s3.fail(fault, methods=["PUT"], times=1)
    assert sink.put_if_absent("turns/1", b"body") is True
    with pytest.raises(ObjectDiffers):
        sink.put_if_absent("turns/1", b"body")


def test_visible_damage_is_a_difference_too(s3: FakeS3, sink: Sink) -> None:
    s3.fail("corrupt", visible=True, times=1)
    sink.put_if_absent("turns/1", b"body")
    with pytest.raises(ObjectDiffers):
        sink.put_if_absent("turns/1", b"body")


def test_an_object_that_vanishes_before_it_is_compared_is_a_conflict(s3: FakeS3, sink: Sink) -> None:
    s3.fail("status", status=412, code="PreconditionFailed", methods=["PUT"], times=1)
    error = refused(sink)
    assert (error.code, error.endpoint_down) == ("conflict", False)
    assert sink.put_if_absent("turns/1", b"body") is True


def test_an_object_larger_than_any_turn_is_not_read(
    s3: FakeS3, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.put_if_absent("turns/1", b"x" * 1000)
    monkeypatch.setattr("persistence.archive.sinks.s3_transport.MAX_OBJECT_BYTES", 999)
    with pytest.raises(SinkError) as caught:
        sink.get("turns/1")
    assert (caught.value.code, caught.value.endpoint_down) == ("too_large", False)


# --- Connections ------------------------------------------------------------------------------------------


def test_a_prefix_in_the_url_is_part_of_the_store_and_not_of_the_keys(s3: FakeS3) -> None:
    inside, outside = open_sink(config(s3, url=f"s3://{s3.bucket}/a/b/")), open_sink(config(s3))
    outside.put_if_absent("a/c/1", b"other")
    inside.put_if_absent("turns/1", b"body")
    assert inside.location == f"s3://{s3.bucket}/a/b"
    assert [found.key for found in inside.list()] == ["turns/1"]
    assert sorted(s3.objects()) == ["a/b/turns/1", "a/c/1"]
    inside.close()
    outside.close()


def test_parent_and_child_of_a_fork_do_not_share_a_connection(s3: FakeS3) -> None:
    script = f"""
import os, sys
from persistence.archive.sinks import SinkConfig, open_sink
sink = open_sink(SinkConfig(url="s3://{s3.bucket}", endpoint="{s3.url}", region="auto",
                            access_key="{s3.access_key}", secret_key="{s3.secret_key}"))
sink.put_if_absent("before", b"x")
child = os.fork()
name = "parent" if child else "child"
try:
    for number in range(100):
        assert sink.put_if_absent(f"{{name}}/{{number}}", f"{{name}} {{number}}".encode())
        assert sink.get(f"{{name}}/{{number}}") == f"{{name}} {{number}}".encode()
except BaseException:
    import traceback
    traceback.print_exc()
    os._exit(1)
if not child:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(s3.objects()) == 201


def test_a_dead_address_of_a_host_is_passed_over_for_a_live_one(
    s3: FakeS3, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = ("127.0.0.1", int(s3.url.rpartition(":")[2]))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        both = [(socket.AF_INET, unused.getsockname()), (socket.AF_INET, live)]
        monkeypatch.setattr(Resolver, "addresses", lambda *_, **__: both)
        assert sink.put_if_absent("turns/1", b"body") is True


def test_an_address_that_swallows_packets_leaves_time_for_the_next(
    s3: FakeS3, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = ("127.0.0.1", int(s3.url.rpartition(":")[2]))
    with socket.socket() as full, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.setblocking(False)
        assert waiting.connect_ex(full.getsockname()) in (0, errno.EINPROGRESS)  # fills the queue of one
        both = [(socket.AF_INET, full.getsockname()), (socket.AF_INET, live)]
        monkeypatch.setattr(Resolver, "addresses", lambda *_, **__: both)
        hurried = open_sink(config(s3, deadline_seconds=4))
        assert hurried.put_if_absent("turns/1", b"body") is True
        hurried.close()


def test_a_name_server_that_hangs_costs_one_thread_and_no_more_than_the_deadline(
    s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, asked, really = threading.Event(), [], socket.getaddrinfo

    def hang(*args: Any, **options: Any) -> Any:
        asked.append(args)
        answer.wait()
        return really("127.0.0.1", args[1], **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    sink = open_sink(config(s3, endpoint=s3.url.replace("127.0.0.1", "store.test"), deadline_seconds=0.2))
    try:
        for _ in range(3):
            error = refused(sink)
            assert (error.code, error.endpoint_down) == ("timeout", True)
        assert len(asked) == 1
    finally:
        answer.set()
    while any(thread.name == "s3-resolver" for thread in threading.enumerate()):
        pass
    assert sink.put_if_absent("turns/1", b"body") is True
    sink.close()


def test_a_name_that_does_not_exist_is_unreachable(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    sink = open_sink(config(s3, endpoint="http://store.test"))
    error = refused(sink)
    sink.close()
    assert (error.code, error.endpoint_down) == ("unreachable", True)
    assert "store.test" in str(error)


# --- TLS --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 that only this test trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "store.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[FakeS3]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with FakeS3(tls=context) as fake:
        yield fake


def test_tls_keeps_the_contract_and_the_deadline(
    secure: FakeS3, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    sink = open_sink(config(secure, deadline_seconds=2))
    body = os.urandom(300_000)
    assert sink.put_if_absent("turns/1", body) is True
    assert sink.put_if_absent("turns/1", body) is False
    assert sink.get("turns/1") == body
    for fault in ("black_hole", "drip"):
        secure.heal()
        secure.fail(fault)
        assert refused(sink, "turns/2").code == "timeout"
    sink.close()


def test_a_certificate_nobody_vouches_for_is_refused(secure: FakeS3) -> None:
    sink = open_sink(config(secure))
    error = refused(sink)
    sink.close()
    assert (error.code, error.endpoint_down) == ("unreachable", True)
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert secure.objects() == {}


def test_a_store_that_stalls_in_the_handshake_is_left_at_the_deadline() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}"
        sink = open_sink(
            SinkConfig(
                url="s3://archive", endpoint=endpoint, access_key="a", secret_key="b", deadline_seconds=0.3
            )
        )
        error = refused(sink)
        sink.close()
    assert (error.code, error.endpoint_down) == ("timeout", True)
