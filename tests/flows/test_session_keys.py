"""Session state while Postgres is away: for keys that were good lately, and for nothing else."""

import pytest

from tests.faults.house import eventually
from tests.flows.listening import PATH, Listener, put

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STATE = PATH.format("s", "state")
# Asks for each request, and never waits long.
SHORT = {"API_KEY_CACHE_SECONDS": "0", "REQUEST_DEADLINE_SECONDS": "1", "WEB_CONCURRENCY": "1"}


@pytest.fixture
def postgres(ground):
    """The houses' Postgres, which is there again after the test."""
    yield ground.server
    ground.server.stop()
    ground.server.start()


def outcome(answer):
    return answer.status, answer.document.get("code")


# A frozen server costs whoever asks it the whole of their deadline, so there the keys are remembered for a moment.
@pytest.mark.parametrize(("end", "remembered"), [("stop", "0"), ("freeze", "1")])
def test_redis_first_state_goes_on_for_a_key_that_was_good_lately_and_turns_do_not(
    house, postgres, private_redis, end, remembered
):
    home = house(redis_url=private_redis().url, SESSION_STATE_BACKEND="redis-first")
    client = home.web(**SHORT | {"API_KEY_CACHE_SECONDS": remembered}).ready()
    with Listener(client, "s") as listener:
        first = put(client, "s", n=1)
        getattr(postgres, end)()
        assert client.request("GET", STATE).document["version"] == first
        second = put(client, "s", n=2)
        assert [event.data["version"] for event in listener.until(second)] == [first, second]
        assert client.request("DELETE", STATE).status == 204
        assert listener.next().kind == "cleared"
    assert outcome(client.post("s", "s/1")) == (503, "persistence_unavailable")
    assert outcome(client.request("GET", "/api/v1/cases")) == (503, "persistence_unavailable")
    begun = put(client, "new", n=3)
    assert client.request("GET", PATH.format("new", "state")).document["version"] == begun


def test_a_key_that_was_never_seen_opens_nothing_while_postgres_is_away(house, postgres):
    home = house(SESSION_STATE_BACKEND="memory")
    client = home.web(**SHORT).ready()
    put(client, "s")
    postgres.stop()
    client.key = client.key[:-1] + ("a" if client.key[-1] != "a" else "b")
    assert outcome(client.request("GET", STATE)) == (503, "persistence_unavailable")


def test_without_grace_nothing_is_answered_while_postgres_is_away(house, postgres):
    client = house(SESSION_STATE_BACKEND="memory").web(API_KEY_GRACE_SECONDS="0", **SHORT).ready()
    put(client, "s")
    postgres.stop()
    assert outcome(client.request("GET", STATE)) == (503, "persistence_unavailable")


def test_a_key_revoked_behind_our_back_is_refused_as_soon_as_postgres_can_be_asked(house, postgres):
    home = house(SESSION_STATE_BACKEND="memory")
    client = home.web(**SHORT).ready()
    put(client, "s")
    postgres.stop()
    assert client.request("GET", STATE).status == 200
    postgres.start()
    home.query("UPDATE persistence_apikey SET revoked_at = now()")
    eventually(lambda: outcome(client.request("GET", STATE)) == (403, "key_revoked"), "the key is refused")
    postgres.stop()
    assert outcome(client.request("GET", STATE)) == (503, "persistence_unavailable")
