"""Who measures what: the turn path, session state, history, the memory of a process, the breaker of hot Redis."""

import time

import pytest

from handoff.gate import record_turn
from persistence.history import history
from persistence.hot.client import Hot
from persistence.hot.errors import HotUnavailable
from persistence.ladder import measure
from persistence.session import stores
from persistence.session.errors import StaleVersion
from persistence.session.requests import state_request
from persistence.session.service import clear_state, get_state, put_state
from tests.persistence.support import conversation_of

pytestmark = pytest.mark.django_db(transaction=True)
ACTIVE = {"state": "active", "data": {}}


@pytest.fixture(autouse=True)
def own_memory(settings):
    settings.SESSION_STATE_BACKEND = "memory"
    settings.HISTORY_CACHE = "off"
    stores.MEMORY._entries.clear()
    yield
    stores.MEMORY._entries.clear()


def measured() -> dict[str, int]:
    kinds, _ = measure.take()
    return {kind: sum(buckets.values()) for kind, (_, buckets) in kinds.items() if buckets}


def turn():
    return record_turn(
        domain="demo",
        channel="web",
        session_id="s",
        request_id="r",
        messages=[{"role": "user", "content": "hello"}],
    )


def test_a_turn_is_its_commit_and_its_sessions_state_is_measured_apart():
    turn()
    assert measured() == {"turn": 1, "state_write": 1}


def test_a_page_of_history_is_a_read_of_history():
    conversation = conversation_of(turn().turn)
    measured()
    history(conversation)
    assert measured() == {"history": 1}


def test_session_state_that_is_asked_for_is_read_and_what_changes_it_is_written():
    put_state("demo", "web", "s", state_request(ACTIVE))
    get_state("demo", "web", "s")
    clear_state("demo", "web", "s")
    assert measured() == {"state_write": 2, "state_read": 1}


def test_a_refused_write_is_no_write():
    with pytest.raises(StaleVersion):
        put_state("demo", "web", "s", state_request(ACTIVE), expected_version=7)
    assert measured() == {}


def test_a_process_holds_the_live_states_of_its_memory_and_no_others():
    put_state("demo", "web", "live", state_request(ACTIVE))
    put_state("demo", "web", "cleared", state_request(ACTIVE))
    clear_state("demo", "web", "cleared")
    put_state("demo", "web", "brief", state_request(ACTIVE), ttl=1)
    assert stores.MEMORY.held() == 2
    time.sleep(1.1)
    assert stores.MEMORY.held() == 1


def test_a_breaker_that_opens_is_counted_once(private_redis):
    server = private_redis()
    hot = Hot(server.url, rest=60)
    server.stop()
    for _ in range(3):
        with pytest.raises(HotUnavailable):
            hot.call(lambda client: client.ping(), operation="get")
    hot.close()
    assert measure.take()[1] == {"breaker_opened": 1}
