"""Level 1 while Redis is out: Postgres stands in, and what it does not know is unknown, not absent."""

import pytest
from prometheus_client import REGISTRY

from persistence.models import SessionState as Row
from persistence.session.errors import SessionStateUnavailable, StaleVersion
from persistence.session.port import MUST_NOT_EXIST
from tests.persistence.session.outagekit import (
    clear,
    get,
    in_redis,
    put,
    row,
    step,
    touch,
    until_used_again,
)
from tests.persistence.session.outages import module_server, server  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["stopped", "frozen"])
def out(request, server):  # noqa: F811
    """Take Redis away in one of two ways; returns the way back."""

    def take_away() -> None:
        server.stop() if request.param == "stopped" else server.freeze()

    def bring_back() -> None:
        server.start() if request.param == "stopped" else server.resume()

    return take_away, bring_back


def test_while_redis_is_there_postgres_is_not_asked(server):  # noqa: F811
    put(1)
    assert (step(), get().kept_in, Row.objects.count()) == (1, "redis", 0)


def test_what_is_written_during_an_outage_is_kept_in_postgres_and_read_from_there(out):
    take_away, _ = out
    before = put(1)
    take_away()
    kept = put(2, expected=before.version)
    assert (kept.version > before.version, step(), get().kept_in) == (True, 2, "postgres")
    assert row().unhealed


def test_what_postgres_does_not_know_is_unknown_and_not_absent(out):
    put(1)
    out[0]()
    with pytest.raises(SessionStateUnavailable):
        get()


def test_a_clearing_during_an_outage_is_known(out):
    put(1)
    out[0]()
    assert clear() is not None
    assert get() is None
    assert row().cleared


def test_a_turn_touches_what_was_written_during_the_outage_and_nothing_else(out):
    put(1)
    out[0]()
    assert touch() is None
    assert row() is None, "a turn makes no state out of nothing while Redis may have one"
    kept = put(2)
    touched = touch()
    assert touched.version > kept.version
    assert (touched.data, touched.confidence) == ({"step": 2}, 0.75)


def test_a_row_left_by_another_level_is_neither_believed_nor_touched(out, settings):
    settings.SESSION_STATE_BACKEND = "postgres"
    put(1)
    settings.SESSION_STATE_BACKEND = "redis"
    put(2)
    out[0]()
    with pytest.raises(SessionStateUnavailable):
        get()
    assert touch() is None
    assert not row().unhealed


def test_an_update_that_is_known_to_be_stale_is_refused_during_an_outage_too(out):
    out[0]()
    first = put(1)
    second = put(2, expected=first.version)
    with pytest.raises(StaleVersion) as refused:
        put(3, expected=first.version)
    assert refused.value.state.version == second.version
    with pytest.raises(StaleVersion):
        put(3, expected=MUST_NOT_EXIST)
    assert step() == 2


def test_a_turn_loses_nothing_of_its_own_when_both_are_out(server, settings, monkeypatch):  # noqa: F811
    server.stop()

    def refuse(*_, **__):
        raise SessionStateUnavailable("Postgres did not answer")

    monkeypatch.setattr("persistence.session.fallback.PostgresStore.put", refuse)
    with pytest.raises(SessionStateUnavailable):
        put(1)


def test_each_time_postgres_stands_in_is_counted(out):
    def count(operation: str) -> float:
        name = "holdfast_session_state_fallbacks_total"
        return REGISTRY.get_sample_value(name, {"operation": operation}) or 0.0

    before = {name: count(name) for name in ("get", "put", "touch", "clear")}
    out[0]()
    put(1), get(), touch(), clear()
    assert {name: count(name) - before[name] for name in before} == dict.fromkeys(before, 1)


def test_redis_is_used_again_by_itself_and_has_what_it_missed(out):
    take_away, bring_back = out
    before = put(1)
    take_away()
    kept = put(2, expected=before.version)
    bring_back()
    until_used_again()
    assert (in_redis().version, in_redis().data) == (kept.version, {"step": 2})
    assert get().kept_in == "redis"
    assert put(3, expected=kept.version).version > kept.version
