"""Session state by session id: checked, redacted, in the store of the settings, and no hindrance to any turn."""

import pytest
from django.db import connection

from persistence.errors import InvalidTurn
from persistence.models import SessionState
from persistence.privacy.redaction import REDACTION_VERSION
from persistence.session import service
from persistence.session.errors import IllegalTransition, StaleVersion
from persistence.session.port import MUST_NOT_EXIST
from tests.persistence.session.servicekit import S, put, turn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def at_level_0(settings):
    settings.SESSION_STATE_BACKEND = "postgres"
    settings.SESSION_LIFECYCLE_DOMAINS = ["guarded"]


def test_what_was_put_under_a_session_id_is_got_under_it():
    kept = put("asked", data={"step": 2}, confidence=0.5)
    assert service.get_state(*S) == kept
    assert (kept.state, kept.data, kept.redaction_version) == ("asked", {"step": 2}, REDACTION_VERSION)


def test_sessions_of_other_domains_and_channels_are_other_sessions():
    put("mine")
    for other in (("other", *S[1:]), ("demo", "app", S[2]), (*S[:2], "session/1")):
        assert service.get_state(*other) is None
        put("theirs", session=other)
    assert service.get_state(*S).state == "mine"


def test_no_session_id_rests_in_the_table():
    put()
    turn()
    with connection.cursor() as cursor:
        cursor.execute("SELECT row::text FROM persistence_session_state AS row")
        [(row,)] = cursor.fetchall()
    assert "session/1" not in row
    assert S[2].encode().hex() not in row


def test_what_is_personal_is_redacted_before_it_is_kept():
    kept = put(
        data={"note": "mail a.person@example.com", "cards": [4111111111111111], "order_id": "4111 1111"}
    )
    assert kept.data == {"note": "mail [EMAIL]", "cards": ["[CARD]"], "order_id": "4111 1111"}
    assert put("4111111111111111").state == "[CARD]"


def test_a_state_lives_as_long_as_the_settings_say_or_as_it_is_told(settings):
    settings.SESSION_STATE_TTL_SECONDS = 1_000

    def life():
        row = SessionState.objects.get()
        return (row.expires_at - row.updated_at).total_seconds()

    put()
    assert life() == 1_000
    put(ttl=77)
    assert life() == 77
    turn()
    assert life() == 1_000
    service.clear_state(*S)
    assert life() == 1_000


@pytest.mark.parametrize(
    "work",
    [
        lambda session: service.get_state(*session),
        lambda session: put(session=session),
        lambda session: service.clear_state(*session),
        lambda session: service.watch(*session),
    ],
    ids=["get", "put", "clear", "watch"],
)
@pytest.mark.parametrize(
    ("session", "field"),
    [
        (("demo", "no channel", "s"), "channel"),
        (("demo", "web", "nul\0"), "session_id"),
        (("{x}", "web", "s"), "domain"),
    ],
)
def test_what_names_no_session_is_refused_everywhere(work, session, field):
    with pytest.raises(InvalidTurn) as refused:
        work(session)
    assert [error.field for error in refused.value.errors] == [field]


def test_a_version_that_is_none_is_refused_by_name():
    for work in (
        lambda: put(expected_version=-1),
        lambda: service.clear_state(*S, expected_version="3"),
        lambda: service.watch(*S, after_version=True),
    ):
        with pytest.raises(InvalidTurn, match="expected_version"):
            work()


def test_versions_are_compared_by_put_and_clear():
    old = put(expected_version=MUST_NOT_EXIST)
    present = put(expected_version=old.version)
    with pytest.raises(StaleVersion, match="Nothing was changed") as refused:
        put(expected_version=old.version)
    assert refused.value.current() == {"version": present.version}
    with pytest.raises(StaleVersion):
        service.clear_state(*S, expected_version=old.version)
    assert service.clear_state(*S, expected_version=present.version) > present.version
    assert service.get_state(*S) is None
    assert service.clear_state(*S) is None


def test_a_domain_with_a_lifecycle_goes_by_it_and_others_do_not():
    guarded = ("guarded", *S[1:])
    with pytest.raises(IllegalTransition, match="begins at 'completed'"):
        put("completed", session=guarded)
    put("running", session=guarded)
    put("running", session=guarded, data={"step": 2})
    put("completed", session=guarded)
    with pytest.raises(IllegalTransition, match="from 'completed' to 'running'") as refused:
        put("running", session=guarded)
    assert refused.value.current()["state"] == "completed"
    with pytest.raises(InvalidTurn, match="state"):
        put("active", session=guarded)
    put("completed")
    assert put("running").state == "running"


def test_who_watches_is_told():
    with service.watch(*S) as subscription:
        kept = put()
        assert subscription.next(10).state == kept
    with service.watch(*S, after_version=kept.version) as subscription:
        assert subscription.next(0) is None


def test_a_state_as_json_has_the_names_of_the_contract():
    recorded, state = turn()
    assert service.as_json(state) == {
        "state": "active",
        "domain": "demo",
        "confidence": 0.75,
        "turn_id": str(recorded.turn_id),
        "version": state.version,
        "redaction_version": REDACTION_VERSION,
        "updated_at": state.updated_at.isoformat(),
        "data": {},
        "kept_in": "postgres",
    }
    assert service.as_json(put(session=("demo", "web", "other")))["turn_id"] is None
