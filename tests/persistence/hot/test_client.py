"""This process' client: one for the settings, of any kind of socket, and never shared with a forked process."""

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from persistence.hot.client import Hot, HotUnavailable, hot, patient
from tests.certificates import self_signed
from tests.persistence.hot.endpoints import forward, forwarding, never_accepting, serving
from tests.persistence.hot.support import LONG, refusal


def client_id(client: redis.Redis) -> int:
    return client.client_id()


def test_there_is_one_client_for_the_settings(settings, redis_url):
    settings.HOT_REDIS_URL = redis_url
    first = hot()
    assert hot() is first
    assert first.call(lambda client: client.ping(), operation="test")
    settings.HOT_REDIS_BUDGET_MS = 70
    second = hot()
    assert second is not first
    assert second.budget == 0.07
    assert refusal(first) == "off", "the one before was closed"


def test_a_mistake_in_the_url_names_the_setting_and_not_the_password(settings):
    settings.HOT_REDIS_URL = "http://:secret@127.0.0.1/0"
    with pytest.raises(ImproperlyConfigured, match="HOT_REDIS_URL") as caught:
        hot()
    assert "secret" not in str(caught.value)


def test_the_patient_client_needs_a_url_too(settings, redis_url):
    settings.HOT_REDIS_URL = ""
    with pytest.raises(HotUnavailable):
        patient()
    settings.HOT_REDIS_URL = redis_url
    assert patient().ping()


@pytest.mark.parametrize("was_out", [False, True])
def test_a_forked_process_has_connections_and_a_breaker_of_its_own(hot_at, private_redis, was_out):
    server = private_redis()
    parent = hot_at(server.url, rest=LONG)
    ours = parent.call(client_id, operation="test")
    if was_out:
        server.freeze()
        assert refusal(parent) == "timeout"
        server.resume()
    theirs = in_a_fork(lambda: [parent.call(client_id, operation="test") for _ in range(3)])
    assert len(set(theirs)) == 1
    assert ours not in theirs
    assert parent.is_out == was_out
    if not was_out:
        assert parent.call(client_id, operation="test") == ours


def in_a_fork(work: Callable[[], list[int]]) -> list[int]:
    """Return what ``work`` returns in a forked process."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return json.loads(said)


def test_a_socket_in_the_file_system_will_do(hot_at, private_redis, tmp_path):
    url = urlsplit(private_redis().url)
    path = str(tmp_path / "redis.sock")
    with forwarding(path, url.port):
        found = hot_at(f"unix://:{url.password}@{path}?db=2", budget=2.0)
        assert (
            found.call(lambda client: client.set("key", "x") and client.get("key"), operation="test") == b"x"
        )
        assert found.call(lambda client: client.client_info()["db"], operation="test") == 2


def test_over_tls_the_server_must_be_the_one_it_says_it_is(hot_at, private_redis, certificate):
    url = urlsplit(private_redis().url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(accepted: socket.socket, over: threading.Event) -> None:
        accepted.settimeout(LONG)
        with suppress(ssl.SSLError), context.wrap_socket(accepted, server_side=True) as secure:
            forward(secure, url.port, over)

    with serving(serve) as plain:
        address = plain.removeprefix("redis://").removesuffix("/0")
        trusted = f"rediss://:{url.password}@{address}/0?ssl_ca_certs={certificate}"
        found: Hot = hot_at(trusted, budget=2.0)
        text = "x" * 200_000
        assert (
            found.call(lambda client: client.set("key", text) and client.get("key"), operation="test")
            == text.encode()
        )
        assert refusal(hot_at(f"rediss://:{url.password}@{address}/0", budget=2.0, rest=LONG)) == "refused"


def test_a_handshake_that_never_ends_costs_the_budget(hot_at):
    with never_accepting() as url:
        assert refusal(hot_at(url.replace("redis://", "rediss://"), rest=LONG)) == "timeout"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A PEM file with a key and a certificate for 127.0.0.1 that only this test trusts."""
    return self_signed(tmp_path_factory.mktemp("tls") / "redis.pem")
