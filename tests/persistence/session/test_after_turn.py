"""Turns are noted in their session's state, under whichever secret it is known, and never suffer from it."""

import logging

import pytest
from django.db import transaction

from persistence.models import Conversation, SessionState
from persistence.requests import turn_request
from persistence.session import service
from tests.persistence.session.postgreskit import postgres_is_refused
from tests.persistence.session.servicekit import S, put, turn

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "1:old-secret-of-sixteen", "2:new-secret-of-sixteen"


@pytest.fixture(autouse=True)
def at_level_0(settings):
    settings.SESSION_STATE_BACKEND = "postgres"
    settings.SESSION_LIFECYCLE_DOMAINS = ["guarded"]


@pytest.fixture
def complaints(monkeypatch, caplog):
    """What is said about turns that could not be noted; nothing was said before."""
    monkeypatch.setattr(service, "_complaints", service.Complaints(60))
    caplog.set_level(logging.WARNING, "persistence.session.service")
    return caplog


def test_a_turn_is_noted_in_its_sessions_state():
    before = put("asked", data={"step": 2})
    recorded, state = turn()
    assert (state.state, state.data, state.confidence) == ("asked", {"step": 2}, 0.75)
    assert (state.turn_id, state.version > before.version) == (recorded.turn_id, True)
    assert service.get_state(*S) == state


def test_a_turn_begins_a_state_as_its_domain_begins():
    assert turn()[1].state == "active"
    assert turn(session=("guarded", "web", "s"))[1].state == "running"


def test_a_repeated_turn_only_reads():
    _, first = turn(request_id="a")
    _, second = turn(request_id="b")
    recorded, state = turn(request_id="a")
    assert recorded.replayed
    assert state == second != first


def test_inside_a_transaction_a_turn_is_not_noted():
    recorded, state = turn()
    with transaction.atomic():
        request = turn_request(
            {
                "channel": "web",
                "session_id": S[2],
                "request_id": "r-1",
                "messages": [{"role": "user", "content": "hello"}],
            }
        )
        assert service.after_turn("demo", request, recorded) is None
    assert service.get_state(*S) == state


def test_a_turn_does_not_suffer_when_its_state_cannot_be_reached(complaints):
    recorded, _ = turn()
    request = turn_request(
        {
            "channel": "web",
            "session_id": S[2],
            "request_id": "r-1",
            "messages": [{"role": "user", "content": "hello"}],
        }
    )
    with postgres_is_refused():
        assert [service.after_turn("demo", request, recorded) for _ in range(3)] == [None] * 3
    assert len(complaints.records) == 1


def test_a_turn_does_not_suffer_from_a_defect(complaints, settings):
    settings.SESSION_STATE_TTL_SECONDS = "a word where a number belongs"
    assert turn()[1] is None
    assert [record.exc_info is not None for record in complaints.records] == [True]


def test_what_was_left_unsaid_is_counted(caplog):
    complaints = service.Complaints(0)
    complaints.say("one")
    complaints._unsaid = 4
    complaints.say("two %s", "three")
    assert [record.getMessage() for record in caplog.records] == [
        "one (0 more since this was last said)",
        "two three (4 more since this was last said)",
    ]


def test_a_conversations_state_is_found_by_the_hash_of_its_session():
    _, state = turn()
    conversation = Conversation.objects.get()
    found = service.state_of_conversation("demo", "web", bytes(conversation.session_hash))
    assert found == state


# --- While a hash secret is being rotated ------------------------------------------------------------------


def test_a_state_that_began_under_an_earlier_secret_goes_on_there(settings):
    settings.HASH_SECRET = OLD
    before = put("before")
    settings.HASH_SECRET = f"{NEW},{OLD}"
    assert service.get_state(*S) == before
    after = put("after", expected_version=before.version)
    assert turn()[1].state == "after"
    assert service.clear_state(*S) > after.version
    assert SessionState.objects.count() == 1


def test_a_new_state_begins_where_its_conversation_is_found(settings):
    settings.HASH_SECRET = OLD
    turn()
    service.clear_state(*S)
    settings.HASH_SECRET = f"{NEW},{OLD}"
    state = put("anew")
    conversation = Conversation.objects.get()
    assert service.state_of_conversation("demo", "web", bytes(conversation.session_hash)) == state


def test_a_new_session_begins_under_the_present_secret(settings):
    settings.HASH_SECRET = f"{NEW},{OLD}"
    state = put()
    settings.HASH_SECRET = NEW
    assert service.get_state(*S) == state
