"""A client of a session's events, as an app would write it: it reads a stream of server-sent events over a socket."""

import http.client
import json
from dataclasses import dataclass, field
from typing import Any

from tests.faults.client import Client

PATH = "/api/v1/sessions/web/{}/{}"


@dataclass(frozen=True)
class Event:
    """One event; ``id`` is empty where the event has none."""

    kind: str = ""
    id: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class Listener:
    """An open stream of one session's events; ``status`` and ``headers`` are those of its answer."""

    def __init__(self, client: Client, session: str, last_event_id: str = "") -> None:
        host = client.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=client.timeout)
        headers = {"Authorization": f"Bearer {client.key}"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        self._connection.request("GET", PATH.format(session, "events"), headers=headers)
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = {name.lower(): value for name, value in self._answer.getheaders()}

    def next(self) -> Event | None:
        """Return the next event; None when the stream has ended in order. Signs of life are passed over."""
        found: dict[str, str] = {}
        while line := self._answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                found[name] = value
            elif "event" in found:
                return Event(found["event"], found.get("id", ""), json.loads(found["data"]))
            else:
                found = {}
        return None

    def until(self, version: int) -> list[Event]:
        """Return the events up to the one that tells this version or a later one."""
        heard: list[Event] = []
        while not heard or heard[-1].kind == "gap" or heard[-1].data["version"] < version:
            event = self.next()
            assert event is not None, f"the stream ended before version {version}: {heard}"
            heard.append(event)
        return heard

    def rest(self) -> list[Event]:
        """Return what comes until the stream ends."""
        return list(iter(self.next, None))

    def problem(self) -> dict[str, Any]:
        """Return the body of a refusal."""
        return dict(json.loads(self._answer.read()))

    def close(self) -> None:
        """Leave, as a browser's tab does."""
        self._answer.close()
        self._connection.close()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def put(client: Client, session: str, **data: Any) -> int:
    """Put a state and return its version."""
    body = json.dumps({"state": "active", "data": data}).encode()
    answer = client.request("PUT", PATH.format(session, "state"), body)
    assert answer.status == 200, answer
    return int(answer.document["version"])
