"""A turn and its session's state: the answer and the context carry it, and it can neither fail nor hold up a turn."""

import os
import signal

import pytest
from django.db import connection
from redis import Redis

from handoff.cases import actions
from handoff.context import context
from handoff.gate import record_turn
from persistence.history import find_conversation, history
from persistence.session.requests import state_request
from persistence.session.service import clear_state, get_state, put_state
from tests.handoff.support import ANNA

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis(settings, private_redis):
    server = private_redis()
    settings.HOT_REDIS_URL, settings.SESSION_STATE_BACKEND = server.url, "redis"
    settings.HOT_REDIS_REST_SECONDS = 0.1
    return server


@pytest.fixture(params=["memory", "postgres", "redis", "redis-first"])
def level(request, settings, private_redis):
    """Each store in turn. One process has one memory, so what other tests left in it goes first."""
    settings.HOT_REDIS_URL = private_redis().url if request.param.startswith("redis") else ""
    settings.SESSION_STATE_BACKEND = request.param
    clear_state("demo", "web", "s")
    return request.param


def say(number=1, session="s", **more):
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "good day"}]
    return record_turn(
        domain="demo", channel="web", session_id=session, request_id=f"r{number}", messages=messages, **more
    )


def context_of(gated):
    return context(find_conversation("demo", gated.turn.conversation_id), 4_000)


def test_the_answer_to_a_turn_carries_the_state_that_the_turn_left(level):
    gated = say(confidence=0.25)
    state = gated.session_state
    assert (state.state, state.confidence, state.data) == ("active", 0.25, {})
    assert state.turn_id == gated.turn.turn_id
    kept = put_state("demo", "web", "s", state_request({"state": "asked", "data": {"step": 2}}))
    gated = say(3, confidence=0.75)
    assert (gated.session_state.state, gated.session_state.data) == ("asked", {"step": 2})
    assert (gated.session_state.confidence, gated.session_state.turn_id) == (0.75, gated.turn.turn_id)
    assert gated.session_state.version > kept.version
    assert get_state("demo", "web", "s") == gated.session_state


def test_the_context_carries_the_same_state(level):
    gated = say()
    put_state("demo", "web", "s", state_request({"state": "asked", "data": {"step": 2}}))
    found = context_of(gated)["session_state"]
    assert (found["state"], found["data"], found["turn_id"]) == (
        "asked",
        {"step": 2},
        str(gated.turn.turn_id),
    )


def test_a_turn_that_asks_for_a_human_is_noted_as_well(level):
    gated = say(handoff={"reason_code": "user_request"})
    assert gated.case_id is not None
    assert gated.session_state.turn_id == gated.turn.turn_id
    actions.claim(gated.case_id, actor=ANNA)
    with_human = record_turn(
        domain="demo",
        channel="web",
        session_id="s",
        request_id="r2",
        messages=[{"role": "user", "content": "?"}],
    )
    assert with_human.session_state.turn_id == with_human.turn.turn_id


def test_a_repeated_turn_changes_nothing(level):
    first = say()
    put_state("demo", "web", "s", state_request({"state": "asked"}))
    now = get_state("demo", "web", "s")
    again = say()
    assert (again.turn.replayed, again.turn.turn_id) == (True, first.turn.turn_id)
    assert again.session_state == now


def test_while_redis_is_stopped_a_turn_is_stored_and_says_that_its_state_is_unknown(redis):
    say()
    put_state("demo", "web", "s", state_request({"state": "asked", "data": {"step": 2}}))
    redis.stop()
    gated = say(2)
    assert gated.turn.seq == 2
    assert gated.session_state is None
    assert context_of(gated)["session_state"] is None


def test_a_frozen_redis_cannot_replace_what_the_app_kept(redis):
    say()
    kept = put_state("demo", "web", "s", state_request({"state": "asked", "data": {"step": 2}}))
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        for number in range(2, 6):
            assert say(number).session_state is None
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    with Redis.from_url(redis.url) as client:
        client.ping()
    for number in range(6, 400):
        if say(number).session_state is not None:
            break
    found = get_state("demo", "web", "s")
    assert (found.state, found.data) == (kept.state, kept.data)
    assert found.version > kept.version


def test_what_is_put_during_an_outage_is_what_holds_afterwards(redis):
    say()
    before = put_state("demo", "web", "s", state_request({"state": "asked", "data": {"step": 2}}))
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        during = put_state(
            "demo", "web", "s", state_request({"state": "answered"}), expected_version=before.version
        )
        assert during.kept_in == "postgres"
        assert say(2).session_state.state == "answered"
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    for number in range(3, 400):
        state = say(number).session_state  # None for a moment: told to Redis already, and Redis not yet asked
        if state is not None and state.kept_in == "redis":
            break
    found = get_state("demo", "web", "s")
    assert (found.state, found.kept_in) == ("answered", "redis")
    assert found.version > during.version


def test_a_defect_in_the_state_never_reaches_the_turn(settings, caplog):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE persistence_session_state RENAME TO elsewhere")
    try:
        gated = say()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO persistence_session_state")
    assert (gated.turn.seq, gated.session_state) == (1, None)
    assert "could not be noted" in caplog.text


def test_after_its_commit_a_turn_is_among_the_recent_ones_without_asking_postgres(
    redis, settings, django_assert_num_queries
):
    settings.HISTORY_CACHE = "redis"
    for number in range(1, 4):
        last = say(number, handoff={"reason_code": "user_request"} if number == 2 else None)
    conversation = find_conversation("demo", last.turn.conversation_id)
    with django_assert_num_queries(0):
        found = history(conversation, before_seq=4, limit=50)
    settings.HISTORY_CACHE = "off"
    assert found == history(conversation, before_seq=4, limit=50)
    assert [turn.control for turn in found] == ["bot", "bot", "queued"]


def test_a_reply_that_the_cache_missed_is_never_missing_in_the_context(redis, settings):
    settings.HISTORY_CACHE = "redis"
    gated = say(handoff={"reason_code": "user_request"})
    assert [turn["seq"] for turn in context_of(gated)["turns"]] == [1]
    actions.reply(gated.case_id, text="I refunded order 17.", actor=ANNA)
    assert [turn["seq"] for turn in context_of(gated)["turns"]] == [1, 2]
