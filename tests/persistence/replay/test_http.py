"""The HTTP sender against servers that misbehave, on a real socket."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from persistence.replay.answers import Acknowledged, Denied, Refused, Unavailable
from persistence.replay.dialogues import exchanges
from persistence.replay.http import HttpSender
from persistence.replay.run import Plan, replay
from tests.persistence.replay.support import dialogue

TURN = json.dumps({"turn_id": "0190", "replayed": False}).encode()
EXCHANGE = exchanges(dialogue("a"))[0]


class Scripted(ThreadingHTTPServer):
    """Answers from a script: (status, headers, body), or None to hang up. The last one repeats."""

    def __init__(self, *script: tuple[int, dict[str, str], bytes] | None) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.script = list(script)
        self.requests: list[tuple[str, str, bytes]] = []
        self.connections = 0
        self.turn = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def setup(self) -> None:
        super().setup()
        with self.server.turn:
            self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.turn:
            self.server.requests.append((self.path, self.headers["Authorization"], body))
            script = self.server.script
            answer = script.pop(0) if len(script) > 1 else script[0]
        if answer is None:
            self.close_connection = True
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def serve() -> Iterator[object]:
    servers: list[tuple[Scripted, threading.Thread]] = []

    def start(*script: tuple[int, dict[str, str], bytes] | None) -> Scripted:
        server = Scripted(*script)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def problem(detail: str) -> bytes:
    return json.dumps({"title": "A title", "detail": detail}).encode()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((201, {}, TURN), Acknowledged(replayed=False)),
        ((200, {}, TURN), Acknowledged(replayed=True)),
        ((409, {}, problem("used before")), Refused("HTTP 409 used before", final=True)),
        ((413, {}, problem("too large")), Refused("HTTP 413 too large")),
        ((422, {}, problem("names a field")), Refused("HTTP 422 names a field")),
        ((500, {}, b"<h1>oops</h1>"), Refused("HTTP 500", final=True)),
        ((503, {"Retry-After": "2"}, problem("away")), Unavailable("HTTP 503 away", 2.0)),
        ((503, {"Retry-After": "soon"}, b""), Unavailable("HTTP 503", None)),
        ((429, {}, b"[1]"), Unavailable("HTTP 429", None)),
        ((401, {}, problem("no key")), Denied("HTTP 401 no key")),
        ((404, {}, b""), Denied("HTTP 404")),
        ((302, {"Location": "/login"}, b""), Denied("HTTP 302")),
        ((200, {}, b"<html>somebody else's page</html>"), None),
        ((201, {}, b'{"id": 7}'), None),
    ],
)
def test_every_answer_is_understood_and_a_stranger_s_page_is_no_acknowledgement(
    serve, answer, expected
) -> None:
    sender = HttpSender(serve(answer).url, "key")

    found = sender.send(EXCHANGE)
    sender.close()

    if expected is None:
        assert isinstance(found, Denied)
        assert "this is not Holdfast's API" in found.reason
    else:
        assert found == expected


def test_requests_share_one_connection_and_carry_the_key(serve) -> None:
    server = serve((201, {}, TURN))
    sender = HttpSender(server.url + "/under/a/path/", "secret")

    for exchange in exchanges(dialogue("a")):
        assert sender.send(exchange) == Acknowledged(replayed=False)
    sender.close()

    assert server.connections == 1
    assert [(path, key) for path, key, _ in server.requests] == [
        ("/under/a/path/api/v1/turns", "Bearer secret")
    ] * 3


def test_after_a_lost_connection_the_very_same_request_is_sent_again(serve) -> None:
    server = serve(None, (503, {"Retry-After": "0"}, b""), (201, {}, TURN))

    summary = replay(
        lambda: [dialogue("a", exchanges=1)],
        lambda: HttpSender(server.url, "key"),
        Plan(workers=1, patience=10),
    )

    assert (summary.created, summary.failed, summary.retries) == (1, 0, 2)
    bodies = {body for _, _, body in server.requests}
    assert len(server.requests) == 3
    assert [json.loads(body)["request_id"] for body in bodies] == ["replay::1:a:1"]


def test_where_nobody_listens_any_more_the_turn_is_unavailable_and_not_lost(serve) -> None:
    server = serve((201, {}, TURN))
    sender = HttpSender(server.url, "key")
    server.shutdown()
    server.server_close()

    answer = sender.send(EXCHANGE)

    assert isinstance(answer, Unavailable)
    assert "ConnectionRefusedError" in answer.reason


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="no http:// or https:// address"):
        HttpSender(url, "key")
