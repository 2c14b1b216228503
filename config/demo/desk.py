"""A help desk and a customer's app for the demo: one small server that speaks signed webhooks, both ways.

The desk answers each ``handoff.requested`` with a reply and closes the case once the customer has said thank you. The
app takes what agents say. Both write down what they were sent, in order, so that the demo can judge it.
"""

import json
import queue
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from handoff.connectors.port import NotAuthentic
from handoff.connectors.signing import signed_headers, verified_id

HELP = "Hello, this is the help desk. I have read what was said so far and will take care of it."
ANSWER_SECONDS = 10.0


@dataclass
class DemoDesk:
    """What arrived. ``heard`` is (type, seq) by case, ``replies`` the texts that reached the app by conversation."""

    url: str
    inbound: str
    secret: str
    heard: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    replies: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    closed: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    duplicates: int = 0
    refused: int = 0
    answered: int = 0
    todo: "queue.Queue[tuple[str, dict[str, Any]] | None]" = field(default_factory=queue.Queue)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, headers: dict[str, str], body: bytes, now: datetime) -> int:
        """Write down what was posted, once, and answer it later as a desk would. Returns the HTTP status."""
        try:
            event_id = verified_id(headers, body, [self.secret], now)
        except NotAuthentic:
            self.refused += 1
            return 401
        posted = json.loads(body)
        with self.lock:
            if event_id in self.seen:
                self.duplicates += 1
                return 200
            self.seen.add(event_id)
            self._write_down(posted["type"], posted["data"])
        return 200

    def _write_down(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "reply.created":
            self.replies[data["conversation_id"]].append((data["seq"], data["text"]))
        elif kind == "handoff.requested":
            self.heard[data["case_id"]].append((kind, 0))
            self.todo.put(("case.reply", {"case_id": data["case_id"], "author": "Maria", "text": HELP}))
        elif kind.startswith("case."):
            self.heard[data["case_id"]].append((kind, data["seq"]))
            if kind == "case.message" and data["from"] == "customer" and data["case_id"] not in self.closed:
                self.closed.add(data["case_id"])
                self.todo.put(
                    ("case.status", {"case_id": data["case_id"], "author": "Maria", "status": "closed"})
                )

    def answer_all(self) -> None:
        """Post what the desk's people do, one after another, until None comes."""
        with httpx.Client(trust_env=False, timeout=ANSWER_SECONDS) as client:
            while (task := self.todo.get()) is not None:
                kind, data = task
                now = datetime.now(UTC)
                body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data}).encode()
                headers = signed_headers(f"demo-{uuid.uuid4()}", now, body, [self.secret])
                answer = client.post(
                    self.inbound, content=body, headers=headers | {"content-type": "application/json"}
                )
                if answer.status_code == 200:
                    self.answered += 1
                else:
                    self.refused += 1


@contextmanager
def demo_desk(inbound: str, secret: str) -> Iterator[DemoDesk]:
    """Run the desk on a free port of this machine; ``inbound`` is where it posts what its people do."""
    desk = DemoDesk("", inbound, secret)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(desk.take(headers, body, datetime.now(UTC)))
            self.send_header("content-length", "2")
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Say nothing: the demo tells what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    desk.url = f"http://127.0.0.1:{server.server_address[1]}/"
    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=desk.answer_all)]
    for thread in threads:
        thread.start()
    try:
        yield desk
    finally:
        desk.todo.put(None)
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join()
