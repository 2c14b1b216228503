"""TLS is agreed on by the name in the URL, whatever address was dialled."""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handoff.net.client import NetError, request
from tests.certificates import self_signed
from tests.handoff.net.farend import OK, FarEnd, drips, says, stalls

Start = Callable[..., FarEnd]
Fail = Callable[..., NetError]


def server(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls") / "desk.pem", "desk.example")


@pytest.fixture
def trusted(pem: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    return pem


def loopback(_host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
    return [(0, 0, 0, "", ("127.0.0.1", port))]


def test_the_name_is_verified_and_asked_for_though_an_address_is_dialled(
    far_end: Start, trusted: Path
) -> None:
    desk = far_end(says(OK), tls=server(trusted))
    reply = request("POST", desk.url(host="desk.example"), content=b"{}", resolver=loopback)
    assert (reply.status, reply.body, desk.names) == (200, b"ok", ["desk.example"])
    assert f"Host: desk.example:{desk.port}".encode() in desk.requests[0]


def test_an_address_in_the_url_is_verified_as_an_address(far_end: Start, trusted: Path) -> None:
    desk = far_end(says(OK), tls=server(trusted))
    assert request("GET", desk.url()).status == 200
    assert desk.names == [None]


def test_a_certificate_for_another_name_is_refused(far_end: Start, trusted: Path, failure: Fail) -> None:
    desk = far_end(says(OK), tls=server(trusted))
    error = failure(desk.url(host="other.example"), resolver=loopback)
    assert (error.code, error.sent, desk.requests) == ("tls", False, [])
    assert "other.example" in str(error)
    assert "Nothing was sent" in str(error)


def test_a_certificate_nobody_vouches_for_is_refused(far_end: Start, pem: Path, failure: Fail) -> None:
    desk = far_end(says(OK), tls=server(pem))
    error = failure(desk.url())
    assert (error.code, error.sent, desk.requests) == ("tls", False, [])
    assert "self-signed" in str(error)


def test_an_expired_certificate_is_refused(
    far_end: Start, tmp_path: Path, failure: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = self_signed(tmp_path / "old.pem", "desk.example", days=-1)
    monkeypatch.setenv("SSL_CERT_FILE", str(old))
    desk = far_end(says(OK), tls=server(old))
    error = failure(desk.url())
    assert (error.code, desk.requests) == ("tls", [])
    assert "expired" in str(error)


def test_old_versions_of_tls_are_refused(far_end: Start, trusted: Path, failure: Fail) -> None:
    old = server(trusted)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    desk = far_end(says(OK), tls=old)
    assert failure(desk.url()).code == "tls"
    assert desk.requests == []


def test_a_far_end_that_does_not_speak_tls_is_refused(far_end: Start, failure: Fail) -> None:
    desk = far_end(says(OK), reads=False)
    error = failure(f"https://127.0.0.1:{desk.port}/")
    assert (error.code, error.sent) == ("tls", False)


def test_a_far_end_that_breaks_off_the_handshake_got_nothing(far_end: Start, failure: Fail) -> None:
    def leaves(opened: socket.socket, _over: threading.Event) -> None:
        opened.recv(1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    error = failure(f"https://127.0.0.1:{far_end(leaves, reads=False).port}/")
    assert (error.code, error.sent) == ("connection_lost", False)


@pytest.mark.parametrize(
    "script", [stalls(), drips(b"\x16\x03\x03\x40\x00" + bytes(1000))], ids=["stalls", "drips"]
)
def test_the_deadline_holds_in_the_handshake(far_end: Start, failure: Fail, script: Any) -> None:
    error = failure(f"https://127.0.0.1:{far_end(script, reads=False).port}/", deadline=0.4)
    assert (error.code, error.sent) == ("timeout", False)


def test_a_handshake_that_would_succeed_after_the_deadline_comes_too_late(
    far_end: Start, trusted: Path, failure: Fail
) -> None:
    agreed, tried = [], threading.Event()

    def late(opened: socket.socket, over: threading.Event) -> None:
        over.wait(1)
        try:
            with server(trusted).wrap_socket(opened, server_side=True) as secure:
                agreed.append(secure.version())
        finally:
            tried.set()

    error = failure(f"https://127.0.0.1:{far_end(late, reads=False).port}/", deadline=0.4)
    assert (error.code, error.sent) == ("timeout", False)
    assert tried.wait(60)
    assert agreed == []


def test_the_deadline_holds_over_a_reply_that_drips_through_tls(
    far_end: Start, trusted: Path, failure: Fail
) -> None:
    desk = far_end(
        drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(1000)), tls=server(trusted)
    )
    error = failure(desk.url(), deadline=0.5)
    assert (error.code, error.sent, len(desk.requests)) == ("timeout", True, 1)


def test_authorities_that_cannot_be_read_are_named(failure: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authorities.pem")
    error = failure("https://127.0.0.1:1/")
    assert (error.code, error.sent) == ("tls", False)
    assert "SSL_CERT_FILE" in str(error)
