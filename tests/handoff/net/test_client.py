"""What goes out, and what comes back."""

import gzip
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handoff.net.client import NetError, Reply, request
from tests.handoff.net.farend import OK, FarEnd, says

Start = Callable[..., FarEnd]
Fail = Callable[..., NetError]


def test_a_request_arrives_as_it_was_given_and_the_reply_comes_back(far_end: Start) -> None:
    desk = far_end(says(b"HTTP/1.1 201 Created\r\nX-One: a\r\nx-one: b\r\nContent-Length: 4\r\n\r\nmade"))
    reply = request(
        "POST", desk.url("/tickets?q=a b&z=%2F"), headers={"Authorization": "Bearer t"}, content=b'{"a":1}'
    )
    assert reply == Reply(201, {"x-one": "a, b", "content-length": "4"}, b"made", False)
    head, _, body = desk.requests[0].partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    assert line == b"POST /tickets?q=a%20b&z=%2F HTTP/1.1"
    assert sorted(fields) == sorted(
        [
            b"Host: 127.0.0.1:%d" % desk.port,
            b"User-Agent: Holdfast",
            b"Accept-Encoding: identity",
            b"Connection: close",
            b"Content-Length: 7",
            b"Authorization: Bearer t",
        ]
    )
    assert body == b'{"a":1}'


@pytest.mark.parametrize(
    ("method", "has_length"), [("GET", False), ("DELETE", False), ("PUT", True), ("POST", True)]
)
def test_an_empty_body_has_a_length_only_where_one_is_expected(
    far_end: Start, method: str, has_length: bool
) -> None:
    desk = far_end(says(OK))
    request(method, desk.url())
    assert (b"Content-Length: 0" in desk.requests[0]) == has_length


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_reply_and_is_not_followed(far_end: Start, status: int) -> None:
    canary = far_end(says(OK))
    desk = far_end(
        says(b"HTTP/1.1 %d Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, canary.url().encode()))
    )
    reply = request("POST", desk.url(), content=b"{}")
    assert (reply.status, reply.headers["location"]) == (status, canary.url())
    assert canary.requests == []


def test_proxies_of_the_environment_are_not_used(far_end: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, desk = far_end(says(OK)), far_end(says(OK))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url())
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    request("GET", desk.url())
    assert (len(desk.requests), proxy.requests) == (1, [])


def test_a_decompression_bomb_stays_packed(far_end: Start) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    desk = far_end(says(head + bomb))
    reply = request("GET", desk.url())
    assert (reply.body, reply.truncated) == (bomb, False)


@pytest.mark.parametrize(("size", "truncated"), [(99, False), (100, False), (101, True)])
def test_a_body_is_truncated_only_where_there_is_more_of_it(
    far_end: Start, size: int, truncated: bool
) -> None:
    desk = far_end(says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size))
    reply = request("GET", desk.url(), max_bytes=100)
    assert (len(reply.body), reply.truncated) == (min(size, 100), truncated)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "one\r\nX-B: two"},
        {"X-A": "one\ntwo"},
        {"X-A": "one\rtwo"},
        {"X-A": "one\0two"},
        {"X-A": "token\n"},
        {"X-A": " token"},
        {"X-A": "tök€n"},
        {"X-A\r\nX-B": "one"},
        {"X A": "one"},
        {"": "one"},
        {"Host": "elsewhere.example"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Accept-Encoding": "gzip"},
    ],
)
def test_headers_that_could_change_the_message_are_refused(
    far_end: Start, failure: Fail, headers: dict[str, str]
) -> None:
    desk = far_end(says(OK))
    error = failure(desk.url(), headers=headers)
    assert (error.code, error.sent) == ("bad_request", False)
    assert not any(value in str(error) for value in headers.values())
    assert request("GET", desk.url()).status == 200
    assert len(desk.requests) == 1


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "GET / HTTP/1.1\r\nX:", ""])
def test_a_method_that_is_not_for_desks_is_refused(failure: Fail, method: str) -> None:
    assert failure("http://127.0.0.1/", method).code == "bad_request"


def test_secrets_stay_out_of_logs_errors_and_representations(
    far_end: Start, failure: Fail, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk = far_end(says(b"HTTP/1.1 200 OK\r\nSet-Cookie: canary-a\r\nContent-Length: 8\r\n\r\ncanary-b"))
    liar = far_end(says(b"canary-c canary-c\r\n\r\n"))
    reply = request("POST", desk.url("/canary-d"), headers={"X-Key": "canary-e"}, content=b"canary-f")
    error = failure(liar.url("/canary-d"), headers={"X-Key": "canary-e"}, content=b"canary-f")
    assert b"canary-e" in desk.requests[0]
    said = [record.getMessage() for record in caplog.records]
    assert not any("canary" in text for text in [*said, repr(reply), str(error), repr(error)])
    assert error.__suppress_context__


def test_many_threads_get_each_its_own_reply(far_end: Start) -> None:
    desks = [far_end(says(OK[:-2] + b"%02d" % number)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda desk: request("GET", desk.url()).body, desks * 5))
    assert bodies == [b"%02d" % number for number in range(8)] * 5


def test_no_descriptor_stays_open(far_end: Start, failure: Fail) -> None:
    def mine() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    liar = far_end(says(b"nonsense\r\n\r\n"))
    failure(liar.url())
    before = mine()
    for _ in range(10):
        failure(liar.url())
    assert mine() <= before + 1  # the far end's own last connection may still be closing


@pytest.mark.parametrize("options", [{"deadline": 0}, {"deadline": float("nan")}, {"max_bytes": -1}])
def test_limits_that_limit_nothing_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="deadline"):
        request("GET", "http://127.0.0.1/", **options)  # type: ignore[arg-type]
