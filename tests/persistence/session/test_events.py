"""Server-sent events of a session: what is told, when a stream ends, and what it gives back then."""

import itertools
import json
import re
import socket
import threading
from contextlib import closing, contextmanager, nullcontext

import pytest
from prometheus_client.registry import REGISTRY

from persistence.apikeys import create_key, keys, revoke
from persistence.http import ending, peer
from persistence.http.auth import may_go_on
from persistence.http.peer import Peer
from persistence.session import service, stores, streams
from persistence.session.errors import SessionStateUnavailable
from persistence.session.memory import MemoryStore
from persistence.session.port import Change
from persistence.session.requests import StateRequest
from persistence.session.streams import EventStream, Rhythm, TooManyStreams

SESSION = ("demo", "web", "s")
QUICK = Rhythm(look=0.01, heartbeat=0.02, lifetime=60)
PATIENT = Rhythm(look=0.01, heartbeat=60, lifetime=60)
HEADS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Type": "text/event-stream; charset=utf-8"}  # fmt: skip


@pytest.fixture(autouse=True)
def memory(settings, monkeypatch):
    monkeypatch.setattr(stores, "MEMORY", MemoryStore())
    monkeypatch.setattr(streams, "PLACES", streams.Places())
    monkeypatch.setattr(streams, "let_go_of_postgres", lambda: None)
    settings.SESSION_STATE_BACKEND = "memory"
    settings.EVENT_STREAMS = 2


def listen(*, after=None, other_end=None, allowed=lambda: True, rhythm=PATIENT, watch=service.watch):
    return EventStream(
        lambda: watch(*SESSION, after_version=after), peer=Peer(other_end), may_go_on=allowed, rhythm=rhythm
    )


def put(state="active", **data):
    return service.put_state(*SESSION, StateRequest(state=state, data=data))


def parsed(block):
    """One event as a dictionary of its fields; ``data`` read as JSON."""
    found = dict(re.findall(r"^(\w+): (.*)$", block.decode(), re.MULTILINE))
    assert block.endswith(b"\n\n") and block.count(b"\n\n") == 1
    return found | ({"data": json.loads(found["data"])} if "data" in found else {})


def told(stream, count):
    return [parsed(block) for block in itertools.islice(stream, count)]


def open_streams():
    return REGISTRY.get_sample_value("holdfast_event_streams")


def test_the_first_thing_told_is_when_to_come_back_and_then_the_present_state():
    state = put("ordering", step=1)
    with closing(listen()) as stream:
        first, second = told(stream, 2)
    assert first == {"retry": "2000"}
    assert (second["id"], second["event"]) == (str(state.version), "state")
    assert second["data"] == service.as_json(state)


def test_every_change_is_told_with_its_version_as_id():
    with closing(listen()) as stream:
        told(stream, 1)
        first = put(text='two\nlines, "quotes", \u2028 and é')
        cleared = service.clear_state(*SESSION)
        second = put()
        events = told(stream, 3)
    assert [(event["event"], event["id"]) for event in events] == [
        ("state", str(first.version)),
        ("cleared", str(cleared)),
        ("state", str(second.version)),
    ]
    assert events[0]["data"]["data"] == first.data
    assert events[1]["data"] == {"version": cleared}


def test_who_comes_back_is_told_nothing_twice():
    seen = put()
    with closing(listen(after=seen.version)) as stream:
        told(stream, 1)
        news = put()
        [event] = told(stream, 1)
    assert event["id"] == str(news.version)


def test_who_comes_back_late_is_told_of_a_gap_and_then_the_present_state():
    seen, _missed, present = put(), put(), put()
    with closing(listen(after=seen.version)) as stream:
        _, gap, state = told(stream, 3)
    assert gap == {"event": "gap", "data": {"previous": seen.version, "version": present.version}}
    assert (state["event"], state["id"]) == ("state", str(present.version))


def test_a_quiet_stream_shows_that_it_is_alive():
    with closing(listen(rhythm=QUICK)) as stream:
        told(stream, 1)
        assert list(itertools.islice(stream, 3)) == [b":\n\n"] * 3


def test_a_stream_ends_when_its_time_is_over():
    with closing(listen(rhythm=Rhythm(look=0.01, heartbeat=0.02, lifetime=0.1))) as stream:
        assert b"".join(stream).startswith(b"retry")


def test_a_stream_ends_when_its_process_is_to_stop(monkeypatch):
    asked = iter([False, False, True])
    monkeypatch.setattr(ending, "_told", lambda: next(asked))
    with closing(listen()) as stream:
        assert len(list(stream)) == 1


def test_a_stream_ends_when_its_key_is_no_longer_good():
    good = iter([True, True, False])
    with closing(listen(allowed=lambda: next(good), rhythm=QUICK)) as stream:
        assert list(stream)[1:] == [b":\n\n"] * 2


class Busy:
    """A session that changes all the time."""

    def next(self, timeout):
        return Change("cleared", 1, 0)


def test_a_busy_stream_ends_too_when_its_key_is_no_longer_good():
    good = iter([True, False])
    busy = nullcontext(Busy())
    stream = listen(allowed=lambda: next(good), rhythm=QUICK, watch=lambda *_, after_version: busy)
    with closing(stream):
        assert b"".join(stream).count(b":\n\n") == 1


def test_a_client_that_left_is_noticed_without_sending_to_it():
    ours, theirs = socket.socketpair()
    with ours, closing(listen(other_end=ours)) as stream:
        told(stream, 1)
        theirs.close()
        assert list(stream) == []


def test_a_client_that_sends_more_than_its_request_is_not_taken_for_gone():
    ours, theirs = socket.socketpair()
    with ours, theirs, closing(listen(other_end=ours)) as stream:
        told(stream, 1)
        theirs.send(b"more")
        put()
        assert [event["event"] for event in told(stream, 1)] == ["state"]


def test_a_client_that_does_not_read_loses_its_connection(monkeypatch):
    monkeypatch.setattr(peer, "PATIENCE_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs, closing(listen(other_end=ours)) as stream:
        told(stream, 1)
        with pytest.raises(BlockingIOError):
            while True:
                ours.send(b"x" * 65_536)
        put()
        assert list(stream) == []
        with pytest.raises(BrokenPipeError):
            ours.send(b"x")


def test_a_process_holds_so_many_streams_and_no_more():
    first, second = listen(), listen()
    with closing(second):
        with pytest.raises(TooManyStreams):
            listen()
        assert open_streams() == 2
        first.close()
        first.close()  # gives back one place, however often it is closed
        with closing(listen()):
            assert open_streams() == 2
    assert open_streams() == 0


def test_a_stream_that_was_never_sent_gives_its_place_and_its_subscription_back():
    left = threading.Event()

    @contextmanager
    def watch(*session, after_version):
        yield None
        left.set()

    listen(watch=watch).close()
    assert left.is_set() and open_streams() == 0


def test_a_stream_that_cannot_subscribe_gives_its_place_back():
    def refuse(*session, after_version):
        raise SessionStateUnavailable("test")

    with pytest.raises(SessionStateUnavailable):
        listen(watch=refuse)
    assert open_streams() == 0


@pytest.fixture
def get(client, transactional_db, settings):
    settings.API_KEY_CACHE_SECONDS = 0
    key = create_key("demo", "test").key

    def send(path="/sessions/web/s/events", **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {key}"} | names)

    return send


def test_over_http_a_stream_is_never_stored_or_held_back_on_its_way(get):
    state = put()
    response = get()
    events = iter(response.streaming_content)
    assert next(events) == b"retry: 2000\n\n"
    assert parsed(next(events))["id"] == str(state.version)
    assert {name: response[name] for name in HEADS} == HEADS
    response.close()
    assert open_streams() == 0


def test_over_http_the_last_event_id_says_where_to_go_on(get):
    seen, present = put(), put()
    response = get(Last_Event_ID=str(seen.version))
    events = iter(response.streaming_content)
    found = [parsed(next(events)) for _ in range(2)]
    assert found[1].get("id") == str(present.version)
    response.close()
    refused = get(Last_Event_ID="yesterday")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


def test_over_http_a_stream_too_many_is_answered_503_with_when_to_come_back(get, settings):
    settings.EVENT_STREAMS = 0
    refused = get()
    assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
    assert refused["Retry-After"]


def test_over_http_an_address_that_names_no_session_takes_no_place(get):
    refused = get("/sessions/web/a%00b/events")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "session_id")
    assert open_streams() == 0


def test_a_revoked_key_may_not_go_on(transactional_db, settings):
    settings.API_KEY_CACHE_SECONDS = 0
    key = create_key("demo", "test")
    assert may_go_on(key.key)
    assert revoke(keys("demo")[0].pk)
    assert not may_go_on(key.key)
