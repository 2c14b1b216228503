"""One call, one time: whatever the server does, it cannot make a call wait for longer."""

import socket
import threading

import pytest

from persistence.hot import connections, deadline
from persistence.hot.client import HotUnavailable
from tests.persistence.hot.endpoints import (
    dripping,
    flooding,
    never_accepting,
    never_connecting,
    nobody,
    saying,
    serving,
)
from tests.persistence.hot.support import LONG, refusal, seconds_of


@pytest.mark.parametrize("place", [never_accepting, never_connecting])
def test_a_server_that_says_nothing_costs_the_budget_and_no_more(hot_at, place):
    with place() as url:
        hot = hot_at(url, rest=LONG)
        assert seconds_of(lambda: refusal(hot)) >= 0.2
        assert refusal(hot) == "skipped"


@pytest.mark.parametrize("serve", [dripping, flooding])
def test_bytes_that_keep_coming_do_not_extend_the_time(hot_at, serve):
    with serving(serve) as url:
        hot = hot_at(url, rest=LONG)
        # Until the answer was complete the one would take ten minutes, the other half a gigabyte.
        assert refusal(hot, lambda client: client.get("key")) == "timeout"


def test_several_questions_of_one_call_share_its_time(hot_at, private_redis):
    hot = hot_at(private_redis().url, rest=LONG)

    def ask_for_ever(client):
        while True:
            client.blpop("nothing", timeout=0.05)

    assert refusal(hot, ask_for_ever) == "timeout"


def test_a_name_that_is_not_found_in_time_is_given_up(hot_at, monkeypatch):
    released = threading.Event()
    looked_up = []

    def resolver(host, *arguments):
        if arguments[-1] == socket.AI_NUMERICHOST:
            raise socket.gaierror("not a number")
        looked_up.append(host)
        released.wait(LONG)
        raise socket.gaierror("nobody of this name")

    monkeypatch.setattr(connections.socket, "getaddrinfo", resolver)
    try:
        for _ in range(3):
            assert refusal(hot_at("redis://somewhere.invalid/0", rest=LONG)) == "timeout"
        assert looked_up == ["somewhere.invalid"], "one look-up at a time for a name"
    finally:
        released.set()


def test_a_name_that_does_not_exist_is_a_refusal(hot_at, monkeypatch):
    def resolver(host, *arguments):
        raise socket.gaierror("nobody of this name")

    monkeypatch.setattr(connections.socket, "getaddrinfo", resolver)
    assert refusal(hot_at("redis://somewhere.invalid/0", budget=1.0, rest=LONG)) == "refused"


def test_nobody_at_the_port_is_told_at_once(hot_at):
    assert refusal(hot_at(nobody(), rest=LONG)) == "refused"


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\x00", b"*-7\r\n", b"-\xff\xfe broken\r\n"],
)
def test_garbage_is_an_outage(hot_at, answer):
    with serving(saying(answer)) as url:
        hot = hot_at(url, rest=LONG)
        assert refusal(hot, lambda client: client.get("key")) in ("protocol", "error")
        assert refusal(hot) == "skipped"


def test_a_thread_without_a_deadline_waits_for_nothing():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrapped = deadline.DeadlineSocket(ours)
        with pytest.raises(TimeoutError):
            wrapped.recv(1)


def test_what_is_there_already_is_read_even_when_the_time_is_over_but_only_once():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wrapped = deadline.DeadlineSocket(ours)
        theirs.sendall(b"two words")
        with deadline.within(0):
            assert wrapped.recv(3) == b"two"
            with pytest.raises(TimeoutError):
                wrapped.recv(6)


def test_more_than_fits_is_sent_while_the_other_side_reads():
    ours, theirs = socket.socketpair()
    sent, received = b"x" * 4_000_000, bytearray()

    def read():
        while len(received) < len(sent):
            received.extend(theirs.recv(65536))

    with ours, theirs:
        reader = threading.Thread(target=read)
        reader.start()
        with deadline.within(LONG):
            deadline.DeadlineSocket(ours).sendall(sent)
        reader.join()
    assert bytes(received) == sent


def test_what_nobody_reads_is_not_sent_for_ever():
    ours, theirs = socket.socketpair()
    with ours, theirs, deadline.within(0.05), pytest.raises(TimeoutError):
        deadline.DeadlineSocket(ours).sendall(b"x" * 50_000_000)


@pytest.mark.parametrize("option", ["retry_on_timeout=true", "socket_timeout=60", "max_connections=1"])
def test_a_url_cannot_ask_for_patience(hot_at, option):
    with never_accepting() as url:
        reason = refusal(hot_at(f"{url}?{option}", rest=LONG))
    assert reason == "timeout"


def test_an_option_that_nobody_knows_is_a_mistake_in_the_settings(hot_at):
    with pytest.raises(ValueError, match="option"):
        hot_at("redis://127.0.0.1:1/0?colour=green")


def test_without_a_url_it_is_never_to_be_had(hot_at):
    hot = hot_at("")
    assert hot.is_out
    assert refusal(hot) == "off"
    with pytest.raises(HotUnavailable):
        hot.connection()
