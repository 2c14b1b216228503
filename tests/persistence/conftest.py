import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from persistence.apikeys import create_key
from persistence.hot.client import Hot


@pytest.fixture
def archive(settings, tmp_path):
    """The archive in a directory of the test's own; returns the directory."""
    settings.ARCHIVE_URL = f"file://{tmp_path / 'archive'}"
    return tmp_path / "archive"


@pytest.fixture
def hot_at() -> Iterator[Callable[..., Hot]]:
    """Make clients of Redis as hot storage that end with the test; budget and rest in seconds."""
    made: list[Hot] = []

    def make(url: str, *, budget: float = 0.2, rest: float = 0.1) -> Hot:
        made.append(Hot(url, budget=budget, rest=rest))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def key(settings):
    settings.API_KEY_CACHE_SECONDS = 0
    return create_key("demo", "test").key


@pytest.fixture
def post(client: Client, key):
    def send(body=None, *, raw=None, token=key, **changes):
        document = {
            "channel": "web",
            "session_id": "s",
            "request_id": str(uuid.uuid4()),
            "messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}],
        }
        data = raw if raw is not None else json.dumps(body if body is not None else document | changes)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.post("/api/v1/turns", data, content_type="application/json", headers=headers)

    return send


@pytest.fixture
def get(client: Client, key):
    def read(path, token=key):
        return client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})

    return read
