"""Apps that keep session state over HTTP and remember what they were told, and the records held against it."""

import json
import threading
from dataclasses import dataclass

from tests.faults.client import Answer, Client
from tests.faults.house import House

OK = (200, 201)
PRESENT = "SELECT data->>'of', version, (data->>'step')::int FROM persistence_session_state"


@dataclass
class Told:
    """What an app was told last of a session, and what it asked for last, answered or not."""

    version: int = 0
    step: int = 0
    asked: int = 0


class App(threading.Thread):
    """Counts up in its own sessions, one PUT after the other, until it is stopped or has had enough."""

    def __init__(self, client: Client, name: str, *, sessions: int, steps: int) -> None:
        super().__init__(daemon=True)
        self.told = {f"{name}-{number}": Told() for number in range(sessions)}
        self.statuses: list[int] = []
        self._client, self._steps, self._ended = client, steps, threading.Event()

    def run(self) -> None:
        for step in range(1, self._steps + 1):
            for session, told in self.told.items():
                if self._ended.is_set():
                    return
                told.asked = step
                answer = put(self._client, session, step)
                self.statuses.append(answer.status)
                if answer.status in OK:
                    told.version, told.step = answer.document["version"], step

    def end(self) -> None:
        self._ended.set()
        self.join(60)
        assert not self.is_alive()


def put(client: Client, session: str, step: int) -> Answer:
    return client.request(
        "PUT", path(session), json.dumps({"state": "active", "data": {"of": session, "step": step}}).encode()
    )


def get(client: Client, session: str) -> Answer:
    return client.request("GET", path(session))


def path(session: str) -> str:
    return f"/api/v1/sessions/web/{session}/state"


def in_postgres(house: House) -> dict[str, tuple[int, int]]:
    """Return version and step of each session in Postgres."""
    return {session: (version, step) for session, version, step in house.query(PRESENT)}


def lost(house: House, apps: list[App]) -> list[tuple[str, Told, tuple[int, int]]]:
    """Return every session of which Postgres has something older than what was acknowledged last.

    It may have something later, of which the answer did not arrive.
    """
    kept = in_postgres(house)
    found = []
    for session, told in ((session, told) for app in apps for session, told in app.told.items()):
        version, step = kept.get(session, (0, 0))
        if version < told.version or not told.step <= step <= told.asked:
            found.append((session, told, (version, step)))
    return found
