"""The S3 sink over TLS keeps the contract and the deadline."""

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from persistence.archive.sinks import SinkConfig, open_sink
from tests.certificates import self_signed
from tests.fakes.s3 import FakeS3
from tests.persistence.archive.sink_helpers import config, refused


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1 that only this test trusts."""
    return self_signed(tmp_path_factory.mktemp("tls") / "store.pem")


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
        secure.fail(fault, seconds=0.1)
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
