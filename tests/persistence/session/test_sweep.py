"""The sweep: rows whose time has passed go, in batches, and without waiting for anybody."""

import pytest

from persistence.models import SessionState
from persistence.session.postgres import PostgresStore
from persistence.session.sweep import sweep_expired
from persistence.tasks import sweep_states
from tests.contracts.session_state.kit import Told
from tests.persistence.session.postgreskit import another_hand, expire, row_of

pytestmark = pytest.mark.django_db(transaction=True)


def sessions(number):
    return [Told(PostgresStore()) for _ in range(number)]


def test_what_has_expired_goes_and_what_lives_stays():
    live, gone, cleared = sessions(3)
    for told in (live, gone, cleared):
        told.put()
    cleared.clear()
    expire(gone)
    assert sweep_expired() == 1
    assert SessionState.objects.count() == 2
    expire(cleared)
    sweep_states(anything="unknown")
    assert SessionState.objects.get() == row_of(live)


def test_a_sweep_goes_on_from_batch_to_batch():
    for told in sessions(7):
        told.put()
        expire(told)
    assert sweep_expired(batch=2) == 7
    assert not SessionState.objects.exists()


def test_a_row_that_is_being_written_is_left_to_whoever_writes_it():
    held, gone = sessions(2)
    for told in (held, gone):
        told.put()
        expire(told)
    with another_hand() as cursor:
        cursor.execute(
            "SELECT FROM persistence_session_state WHERE session_hash = %s FOR UPDATE",
            [bytes.fromhex(held.session)],
        )
        assert sweep_expired() == 1
    assert SessionState.objects.get() == row_of(held)


def test_nothing_to_sweep_is_no_error():
    assert sweep_expired() == 0
