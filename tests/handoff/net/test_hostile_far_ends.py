"""What the far end may do without harm: stall, drip, pour, lie, break off. Deadlines are short, answers are long."""

import socket
import threading
from collections.abc import Callable

import pytest

from handoff.net.client import NetError, request
from tests.handoff.net.farend import OK, FarEnd, Script, drips, full_listener, pours, resets, says, stalls

Start = Callable[..., FarEnd]
Fail = Callable[..., NetError]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
SLOW = {
    "a 200 that does not come": stalls(),
    "headers that stop": stalls(b"HTTP/1.1 200 OK\r\nX-A: b"),
    "a body that stops": stalls(HEAD + b"x" * 10),
    "a chunk that stops": stalls(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
    "headers byte by byte": drips(
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 300 + b"\r\nContent-Length: 0\r\n\r\n"
    ),
    "a body byte by byte": drips(HEAD + b"x" * 1000),
    "a body that ends with the connection, byte by byte": drips(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 500),
    "provisional answers without end": drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + OK),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
def test_the_deadline_holds_over_the_whole_reply(far_end: Start, failure: Fail, script: Script) -> None:
    desk = far_end(script)
    error = failure(desk.url(), deadline=0.4)
    assert (error.code, error.sent) == ("timeout", True)
    assert len(desk.requests) == 1


def test_the_deadline_holds_while_sending_to_one_who_does_not_read(far_end: Start, failure: Fail) -> None:
    desk = far_end(stalls(), reads=False)
    error = failure(desk.url(), content=bytes(50_000_000), deadline=0.4)
    assert (error.code, error.sent) == ("timeout", True)


def test_the_deadline_holds_while_sending_to_one_who_reads_slowly(far_end: Start, failure: Fail) -> None:
    size, taken, left = 40_000_000, [], threading.Event()

    def sips(opened: socket.socket, over: threading.Event) -> None:
        while (part := opened.recv(65536)) and not over.wait(0.005):
            taken.append(len(part))
        left.set()

    desk = far_end(sips, reads=False)
    error = failure(desk.url(), content=bytes(size), deadline=0.4)
    assert (error.code, error.sent) == ("timeout", True)
    assert left.wait(60)
    assert sum(taken) < size  # and not only noticed once all of it was sent


POURING = {
    "a gigabyte": pours(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", bytes(65536)),
    "chunks without end": pours(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n%b\r\n" % bytes(4096)
    ),
    "a body without a length": pours(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)),
}


@pytest.mark.parametrize("script", POURING.values(), ids=POURING.keys())
def test_of_a_huge_body_only_the_beginning_is_read(far_end: Start, script: Script) -> None:
    reply = request("POST", far_end(script).url(), content=b"{}")
    assert (reply.status, len(reply.body), reply.truncated) == (200, 65536, True)


GARBAGE = {
    "not HTTP": says(b"220 mail.example ESMTP\r\n\r\n"),
    "binary": says(bytes(range(256)) * 10),
    "a chunk size that is none": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"),
    "a length that is none": says(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nab"),
    "two lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "a switch nobody asked for": says(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    ),
    "a header without end": pours(b"HTTP/1.1 200 OK\r\nX-A: ", bytes(b"a" * 65536)),
    "headers without end": pours(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "provisional answers without end": pours(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "chunk extensions without end": pours(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;a=" + b"b" * 60000 + b"\r\nx\r\n"
    ),
}


@pytest.mark.parametrize("script", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_not_http_is_a_bad_response(far_end: Start, failure: Fail, script: Script) -> None:
    error = failure(far_end(script).url())
    assert (error.code, error.sent) == ("bad_response", True)


LOST = {
    "closed without a word": says(b""),
    "closed in the headers": says(b"HTTP/1.1 200 OK\r\nX-A: b"),
    "closed in the body": says(HEAD + b"x"),
    "closed in a chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
    "reset after our body": resets(),
    "reset in the body": resets(HEAD + b"x"),
}


@pytest.mark.parametrize("script", LOST.values(), ids=LOST.keys())
def test_a_connection_lost_after_our_request_leaves_the_outcome_unknown(
    far_end: Start, failure: Fail, script: Script
) -> None:
    desk = far_end(script)
    error = failure(desk.url())
    assert (error.code, error.sent) == ("connection_lost", True)
    assert "may have received" in str(error)
    assert len(desk.requests) == 1


def test_an_answer_given_before_our_body_was_read_is_heard(far_end: Start) -> None:
    def too_much(opened: socket.socket, over: threading.Event) -> None:
        opened.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        opened.shutdown(socket.SHUT_WR)
        while opened.recv(65536):
            pass

    desk = far_end(too_much, reads=False)
    assert request("POST", desk.url(), content=bytes(3_000_000)).status == 413


def test_an_answer_given_by_one_who_broke_off_our_body_is_heard(far_end: Start) -> None:
    def slams(opened: socket.socket, over: threading.Event) -> None:
        opened.recv(100)
        opened.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    desk = far_end(slams, reads=False)
    assert request("POST", desk.url(), content=bytes(40_000_000)).status == 413


def test_a_refused_connection_sent_nothing(failure: Fail) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = failure(f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert (error.code, error.sent) == ("refused", False)
    assert "Nothing was sent" in str(error)


def test_a_connection_that_is_never_taken_sent_nothing(failure: Fail) -> None:
    with full_listener() as port:
        error = failure(f"http://127.0.0.1:{port}/", deadline=0.4)
    assert (error.code, error.sent) == ("connect_timeout", False)
