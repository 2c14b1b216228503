"""What is published with each change is the whole state, and what is no message is nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from persistence.hot.client import hot
from persistence.session.port import Change
from persistence.session.redis import RedisStore
from persistence.session.wire import message_of
from tests.contracts.session_state.kit import Told
from tests.contracts.session_state.processes import in_processes
from tests.persistence.session.rediskit import LONG


@pytest.fixture
def told(hot_at, redis_url):
    return Told(RedisStore(hot_at(redis_url, budget=LONG)))


def test_a_message_tells_the_whole_state(told):
    with told.store.subscribe(*told.name) as heard:
        kept = told.put("running", {"text": 'é"\\\u2028'}, confidence=0.125)
        assert heard.next(LONG) == Change("state", kept.version, 0, kept)
        touched = told.touch(None)
        assert heard.next(LONG) == Change("state", touched.version, kept.version, touched)


@pytest.mark.parametrize(
    "spoiled", ["version", "previous", "state", "confidence", "turn_id", "updated_at", "data"]
)
def test_a_message_with_a_field_that_is_none_is_nonsense(spoiled):
    sound = {
        "kind": "state",
        "version": 5,
        "previous": 4,
        "state": "active",
        "confidence": None,
        "turn_id": None,
        "redaction_version": 1,
        "updated_at": 1,
        "data": {},
    }
    assert message_of("demo", json.dumps(sound).encode()) is not None
    for value in ("nonsense" if spoiled != "state" else 5, [], {"a": []} if spoiled != "data" else "x"):
        assert message_of("demo", json.dumps(sound | {spoiled: value}).encode()) is None
    assert message_of("demo", json.dumps({k: v for k, v in sound.items() if k != spoiled}).encode()) is None


# --- Two processes -----------------------------------------------------------------------------------------

UPDATES = 500  # of each writer


@pytest.mark.django_db(transaction=True)
def test_a_listener_hears_every_version_of_two_writers_in_other_processes(told):
    with ThreadPoolExecutor(1) as pool, told.store.subscribe(*told.name) as heard:
        writing = pool.submit(in_processes, 2, write, told.session)
        changes = [heard.next(60) for _ in range(2 * UPDATES)]
        written = [version for versions in writing.result() for version in versions]
    assert [change.version for change in changes] == sorted(written)
    assert {change.kind for change in changes} == {"state"}
    assert all(after.previous == before.version for before, after in pairwise(changes))


def write(session: str) -> list[int]:
    told = Told(RedisStore(hot()), session)
    return [told.put(data={"n": n}).version for n in range(UPDATES)]
