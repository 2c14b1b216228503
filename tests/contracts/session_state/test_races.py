"""Every store of session state when several want the same session at once: threads here, processes below."""

from django.db import connection

from persistence.session.errors import StaleVersion
from persistence.session.port import MUST_NOT_EXIST
from tests.contracts.session_state.kit import STORES, Told, count_up, in_threads
from tests.contracts.session_state.processes import in_processes


def test_of_many_who_begin_a_state_at_once_one_does(told: Told) -> None:
    def begin(_: int) -> bool:
        try:
            told.put(expected_version=MUST_NOT_EXIST)
        except StaleVersion:
            return False
        return True

    assert in_threads(8, begin).count(True) == 1


def test_no_update_is_lost_among_threads(told: Told) -> None:
    in_threads(4, lambda _: count_up(told, 50))
    found = told.get()
    assert found is not None
    assert found.data == {"count": 200}


def test_turns_lose_no_update_and_get_no_version_twice(told: Told) -> None:
    told.put(data={"count": 0})

    def work(index: int) -> list[int]:
        if index == 0:
            count_up(told, 50)
            return []
        return [state.version for _ in range(50) if (state := told.try_to_touch()) is not None]

    versions = [version for each in in_threads(4, work) for version in each]
    assert len(versions) == len(set(versions))
    found = told.get()
    assert found is not None
    assert found.data == {"count": 50}


# --- Two processes -----------------------------------------------------------------------------------------

UPDATES = 5_000  # of each of two


def test_no_update_is_lost_between_processes(shared: str) -> None:
    told = Told(STORES[shared]())
    refused = in_processes(2, raise_counter, shared, told.session)
    found = told.get()
    assert found is not None
    assert found.data == {"count": 2 * UPDATES}
    assert sum(refused) > 0, "the two never met"


def raise_counter(store: str, session: str) -> int:
    if store == "postgres":
        # Who wins is decided before the disk is waited for; ten thousand times that would be most of a minute.
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
    return count_up(Told(STORES[store](), session), UPDATES)
