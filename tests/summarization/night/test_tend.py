"""Each minute somebody looks: what was missed begins, what was lost is sent again, what is done ends."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from persistence.database import database_now
from summarization.claims import skip, take, take_one
from summarization.models import SummaryRun
from summarization.night import tend as tend_module
from summarization.night.byhand import summarize
from summarization.night.candidates import EVERYTHING, Selection
from summarization.night.plan import plan
from summarization.night.run import begin_command, begin_night
from summarization.night.tend import tend
from tests.summarization.night.support import done, items, later, night, planned, worked
from tests.summarization.support import conversation

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE_THREE = datetime(2031, 5, 6, 2, 59, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def quiet(minutes: int = 60) -> None:
    """Let so long go by in which nothing moves: all times of runs and items lie that much further back."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE summarization_run SET started_at = started_at - interval '{minutes} minutes',"
            f" planned_at = planned_at - interval '{minutes} minutes'"
        )
        cursor.execute(
            f"UPDATE summarization_item SET updated_at = updated_at - interval '{minutes} minutes',"
            f" claimed_until = claimed_until - interval '{minutes} minutes'"
        )


def test_the_night_begins_at_its_time_and_once():
    tend(BEFORE_THREE)
    tend(BEFORE_THREE + MINUTE)
    tend(BEFORE_THREE + 2 * MINUTE)
    nights = [str(run.night) for run in SummaryRun.objects.order_by("night")]
    assert nights == ["2031-05-05", "2031-05-06"], "the first look catches up what was missed"


def test_a_night_that_has_begun_is_sent_to_be_planned_until_it_is():
    found = tend(BEFORE_THREE)
    [run] = SummaryRun.objects.all()
    assert found.plans == [str(run.run_id)]
    assert tend(BEFORE_THREE).plans == [str(run.run_id)]


def test_any_number_of_missed_nights_is_caught_up_by_one():
    pk = conversation()
    tend(database_now() + timedelta(days=9))
    [run] = SummaryRun.objects.all()
    assert items(_planned_by_tend(run)) == {pk: "pending"}


def _planned_by_tend(run):
    assert plan(run.pk)
    return run


def test_messages_that_were_lost_are_sent_again_when_nothing_has_moved_for_a_while(settings):
    settings.SUMMARY_CHUNK_SIZE = 1
    for _ in range(2):
        conversation()
    run = night()
    now = run.as_of
    assert tend(now).chunks == [], "it has only just been planned"
    quiet()
    assert tend(now).chunks == [(str(run.run_id), 0), (str(run.run_id), 1)]


def test_while_anybody_is_at_work_nothing_is_sent_again(settings):
    settings.SUMMARY_CHUNK_SIZE = 1
    for _ in range(2):
        conversation()
    run = night()
    quiet()
    [claim] = take(run.pk, 0, 1, 60)
    assert claim.run_pk == run.pk
    assert tend(run.as_of).chunks == []


def test_what_a_killed_worker_held_is_sent_again_after_its_lease():
    conversation()
    run = night()
    take(run.pk, 0, 1, 60)
    quiet()
    assert tend(run.as_of).chunks == [(str(run.run_id), 0)]
    worked(run)
    tend(run.as_of)
    run.refresh_from_db()
    assert (run.state, run.summarized) == ("finished", 1)


def test_a_night_with_nothing_left_to_do_is_finished():
    conversation()
    run = night()
    worked(run)
    tend(run.as_of)
    run.refresh_from_db()
    assert (run.state, run.summarized, run.remaining) == ("finished", 1, 0)


def test_a_night_over_its_time_is_stopped_even_when_nobody_works(settings):
    settings.SUMMARY_BUDGET_MINUTES = 30
    conversation()
    run = night()
    quiet(31)
    assert tend(run.as_of).chunks == []
    run.refresh_from_db()
    assert (run.state, run.stopped_because, run.remaining) == ("stopped", "budget_minutes", 1)


def test_a_command_that_died_is_stopped_and_its_rest_is_the_nights():
    pk = conversation()
    run = planned()
    now = later()
    tend(now)
    run.refresh_from_db()
    assert run.state == "running", "it may be alive"
    quiet()
    found = tend(now)
    run.refresh_from_db()
    assert (run.state, run.stopped_because) == ("stopped", "interrupted")
    assert found.chunks == []
    tonight = SummaryRun.objects.get(kind="nightly")
    assert items(_planned_by_tend(tonight)) == {pk: "pending"}


def test_a_command_ends_when_others_have_done_its_rest():
    """An agent held the last one while the command came to its end."""
    pk = conversation()
    run = planned()
    claim = take_one(pk, 60)
    tend(later())
    run.refresh_from_db()
    assert run.state == "running"
    assert skip(claim, "too_short")
    tend(later())
    run.refresh_from_db()
    assert (run.state, run.stopped_because, run.skipped) == ("finished", "", 1)


@pytest.mark.parametrize("left", [planned, night], ids=["a command", "a night"])
def test_where_nobody_tends_a_command_takes_up_what_is_over(left):
    """Without beat and workers, what was killed or is over its time would keep its conversations for ever."""
    conversation()
    run = left()
    summarize(EVERYTHING, later(), _no_bar)
    assert items(run) != {}, "it may be alive"
    quiet(60 * 24)
    found = summarize(EVERYTHING, later(), _no_bar)
    assert (found.summarized, found.remaining) == (1, 0)
    run.refresh_from_db()
    assert run.state == "stopped"


def _no_bar(total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


def test_a_command_that_is_at_work_is_left_alone():
    conversation()
    run = planned()
    quiet()
    take(run.pk, 0, 1, 60)
    tend(later())
    run.refresh_from_db()
    assert run.state == "running"


def test_what_a_stopped_run_had_done_stays_its_own_when_the_rest_is_adopted(settings):
    settings.SUMMARY_CHUNK_SIZE = 1
    for _ in range(2):
        conversation()
    first = night(days=1)
    worked(first, 0)
    SummaryRun.objects.filter(pk=first.pk).update(started_at=first.started_at - timedelta(hours=9))
    tend(first.as_of)
    second = night(days=2)
    done(second)
    done(first)  # a worker of the first night that counts late
    assert (first.eligible, first.summarized, first.remaining) == (2, 1, 1)
    assert (second.eligible, second.summarized) == (1, 1)


def test_a_command_and_a_night_may_run_side_by_side():
    now = later()
    tonight = begin_night(now.date(), now)
    command = begin_command(Selection(), now)
    assert {run.pk for run in SummaryRun.objects.filter(state="planning")} == {tonight.pk, command.pk}


def test_two_beats_at_one_moment_begin_one_night():
    now = later()
    found: list[SummaryRun | None] = []
    barrier = threading.Barrier(4)

    def look() -> None:
        try:
            barrier.wait()
            found.append(begin_night(now.date(), now))
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [begun] = [run for run in found if run is not None]
    assert SummaryRun.objects.get() == begun


def test_while_nobody_listens_only_so_much_is_sent_each_minute(settings, monkeypatch):
    monkeypatch.setattr(tend_module, "MOST_CHUNKS", 2)
    settings.SUMMARY_CHUNK_SIZE = 1
    for _ in range(3):
        conversation()
    run = night()
    quiet()
    assert tend(run.as_of).chunks == [(str(run.run_id), 0), (str(run.run_id), 1)]
