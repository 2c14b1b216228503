"""What the ladder reads: processes, hours, shares of the database's time."""

from datetime import timedelta

import pytest

from persistence.ladder.figures import figures
from persistence.ladder.hours import measured
from persistence.ladder.processes import web_processes
from persistence.models import ParkedStateWrite
from tests.persistence.ladder.support import NOW, live, ran, worked

pytestmark = pytest.mark.django_db
DAY = NOW - timedelta(hours=24)


def ago(**time: float):
    return NOW - timedelta(**time)


def found(backend: str = "postgres", hours: float = 24):
    return figures(backend=backend, hours=hours, now=NOW)


def test_web_processes_that_were_heard_of_lately_are_live_and_workers_are_none():
    live()
    live()
    ran(DAY, ago(seconds=5), role="worker")
    ran(DAY, ago(minutes=10))
    ran(DAY, ago(seconds=5), ended=True)
    assert web_processes(DAY, NOW).live == 2


def test_a_killed_process_and_the_one_in_its_place_are_not_two():
    ran(DAY, ago(seconds=40))
    ran(ago(seconds=30), ago(seconds=1))
    assert web_processes(DAY, NOW).live == 1


def test_states_are_lost_with_each_process_that_held_them_in_memory_and_ended_in_the_window():
    live(held=50)
    ran(DAY, ago(hours=2), ended=True, held=10)
    ran(DAY, ago(hours=3), held=5)
    ran(DAY, ago(hours=3), held=0)
    ran(DAY, ago(hours=3), held=4, backend="redis")
    ran(ago(hours=90), ago(hours=30), held=100)
    web = web_processes(DAY, NOW)
    assert (web.restarts, web.lossy, web.states_lost, web.states_held) == (4, 2, 15, 50)


def test_an_earlier_time_knows_nothing_of_what_ended_later():
    ran(DAY, ago(hours=2), ended=True, held=10)
    web = web_processes(DAY, ago(hours=3))
    assert (web.live, web.restarts) == (1, 0)


def test_hours_of_all_processes_are_added_up():
    for process in (live(), live()):
        worked(process, turn=(100, 0.002), events={"breaker_opened": 1})
        worked(process, hour=ago(hours=2), turn=(3_500, 0.002))
    figures = found()
    assert figures.turns == 7_200
    assert figures.turns_per_second_peak == pytest.approx(7_000 / 3_600, abs=0.001)
    assert figures.peak_hour == ago(hours=2)
    assert figures.turn_commit_p95_ms == pytest.approx(2, rel=0.26)
    assert figures.breaker_openings == 2
    assert figures.measured_since == ago(hours=2)


def test_what_was_measured_before_the_window_does_not_count():
    worked(live(), hour=ago(hours=3), turn=(100, 0.002))
    assert measured(ago(hours=2), NOW).kinds["turn"].count == 0
    assert measured(ago(hours=2.5), NOW).kinds["turn"].count == 100


def test_session_state_counts_under_the_backend_that_it_was_kept_in():
    worked(live(backend="redis"), state_write=(300, 0.0003))
    worked(live(backend="postgres"), state_write=(200, 0.004), turn=(200, 0.004))
    assert found("redis").state_writes == 300
    figures = found("postgres")
    assert figures.state_writes == 200
    assert figures.state_write_p95_ms == pytest.approx(4, rel=0.26)
    assert figures.shares.state == pytest.approx(0.5)


def test_shares_are_of_what_was_measured_where_postgres_says_less():
    worked(live(), history=(100, 0.01), turn=(100, 0.03), database=(10.0, 10.5))
    shares = found().shares
    assert shares.source == "the processes' own measure"
    assert shares.seconds == pytest.approx(4)
    assert shares.history == pytest.approx(0.25)


def test_shares_are_of_all_that_postgres_did_where_it_says_more():
    worked(live(), history=(100, 0.01), database=(10.0, 14.0))
    worked(live(), hour=ago(hours=2), database=(9.0, 10.0))
    assert found().shares.seconds == pytest.approx(5)
    assert found().shares.history == pytest.approx(0.2)


def test_statistics_that_began_anew_go_on_from_nothing():
    process = live()
    worked(process, hour=ago(hours=3), database=(100.0, 160.0))
    worked(process, hour=ago(hours=2), database=(1.0, 7.0))
    assert measured(DAY, NOW).worked == pytest.approx(67)


def test_nobody_noted_what_postgres_did():
    worked(live(), turn=(1, 0.1))
    assert measured(DAY, NOW).worked is None


def test_what_the_cache_spared_is_held_against_what_a_read_costs_now():
    worked(live(), history=(100, 0.002), cache=(900, 0.0005), turn=(100, 0.018))
    figures = found("redis")
    assert figures.cache_hit_ratio == pytest.approx(0.9)
    assert figures.shares.history == pytest.approx(0.1)
    assert figures.history_share_without_cache == pytest.approx(0.5263, abs=0.0001)


def test_without_any_report_nothing_is_made_up():
    figures = found()
    assert (figures.turns, figures.web_processes) == (0, 0)
    unknown = (
        figures.turn_commit_p95_ms,
        figures.model_p50_ms,
        figures.shares.history,
        figures.history_share_without_cache,
        figures.cache_hit_ratio,
        figures.state_write_p95_ms,
    )
    assert unknown == (None,) * len(unknown)


def test_parked_writes_are_counted():
    ParkedStateWrite.objects.create(domain="demo", entry="1-0", attempts=5, error="refused")
    assert found().writes_parked == 1
