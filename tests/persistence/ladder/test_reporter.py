"""How a process' figures get to Postgres: all of them, once, through outages, from several processes at once."""

import json
import os
import signal
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from persistence.ladder import measure
from persistence.ladder.reporter import HOURS_IN_HAND, Hour, Reporter
from persistence.models import ProcessFigures, ProcessHour
from tests.persistence.ladder.support import eventually, ran, reporting, tell, worked

pytestmark = pytest.mark.django_db(transaction=True)


def counted(kind: str) -> int:
    return sum(
        sum(hour.counts[kind]["buckets"].values())
        for hour in ProcessHour.objects.all()
        if kind in hour.counts
    )


def test_a_flush_writes_who_measured_and_what(settings):
    settings.SESSION_STATE_BACKEND = "memory"
    measure.holds(lambda: 3)
    for _ in range(4):
        measure.observe("turn", 0.002)
    measure.count("breaker_opened")
    Reporter("web").flush()
    row = ProcessFigures.objects.get()
    assert (row.role, row.backend, row.pid, row.states_held, row.ended_at) == (
        "web",
        "memory",
        os.getpid(),
        3,
        None,
    )
    hour = row.hours.get()
    assert hour.counts["turn"]["seconds"] == pytest.approx(0.008)
    assert hour.counts["events"] == {"breaker_opened": 1}
    assert hour.database_last >= hour.database_first > 0
    assert counted("turn") == 4


def test_a_report_that_is_made_twice_counts_once():
    reporter = Reporter("web")
    measure.observe("turn", 0.002)
    reporter.flush()
    reporter.flush()
    measure.observe("turn", 0.002)
    reporter.flush()
    assert counted("turn") == 2
    assert ProcessHour.objects.count() == ProcessFigures.objects.count() == 1


def test_what_could_not_be_written_is_written_by_the_next_report():
    reporter = Reporter("web")
    measure.observe("turn", 0.002)
    with connection.execute_wrapper(refuse), pytest.raises(ConnectionError):
        reporter.flush()
    measure.observe("turn", 0.002)
    reporter.flush()
    assert counted("turn") == 2


def refuse(execute, sql, *rest):
    if "persistence_process_hour" in sql:
        raise ConnectionError
    return execute(sql, *rest)


def test_hours_of_an_outage_are_kept_up_to_a_bound():
    reporter = Reporter("web")
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    for number in range(1, 100):
        reporter._hours[now - timedelta(hours=number)] = Hour()
    reporter.flush()
    assert ProcessHour.objects.count() == HOURS_IN_HAND
    assert ProcessHour.objects.latest("hour").hour == now


def test_what_is_older_than_a_month_is_deleted():
    now = timezone.now()
    old = ran(now - timedelta(days=60), now - timedelta(days=31))
    worked(old, hour=now - timedelta(days=31), turn=(1, 0.1))
    older_hour_of_a_living = worked(
        ran(now - timedelta(days=60), now), hour=now - timedelta(days=40), turn=(1, 0.1)
    )
    kept = worked(older_hour_of_a_living.process, hour=now - timedelta(days=29), turn=(1, 0.1))
    reporter = Reporter("web")
    reporter.flush()
    assert set(ProcessFigures.objects.values_list("pid", flat=True)) == {kept.process.pid, os.getpid()}
    assert list(ProcessHour.objects.exclude(process_id=reporter.process_id)) == [kept]


def test_two_processes_report_side_by_side_and_one_that_is_killed_falls_silent():
    with (
        reporting("measure.observe('turn', 0.001)") as first,
        reporting("measure.observe('turn', 0.001)\nmeasure.observe('history', 0.001)") as second,
    ):
        eventually(lambda: (counted("turn"), counted("history")) == (2, 1))
        first.send_signal(signal.SIGKILL)
        first.wait()
        silent_since = ProcessFigures.objects.get(pid=first.pid).seen_at
        alive_at = ProcessFigures.objects.get(pid=second.pid).seen_at
        tell(second, "measure.observe('turn', 0.001)")
        eventually(lambda: counted("turn") == 3)
        eventually(lambda: ProcessFigures.objects.get(pid=second.pid).seen_at > alive_at)
        killed = ProcessFigures.objects.get(pid=first.pid)
        assert killed.seen_at == silent_since
        assert killed.ended_at is None
        assert killed.states_held == 7


def test_a_process_that_ends_in_order_says_so_with_its_last_figures():
    with reporting("reporter.INTERVAL_SECONDS = 3600\nmeasure.observe('turn', 0.001)") as program:
        eventually(lambda: counted("turn") == 1)
        tell(program, "measure.observe('turn', 0.001)")
        assert program.stdin is not None
        program.stdin.close()
        assert program.wait() == 0
    row = ProcessFigures.objects.get()
    assert row.ended_at == row.seen_at
    assert counted("turn") == 2


def test_a_process_that_measures_nothing_reports_nothing():
    with reporting("pass") as program:
        assert program.stdin is not None
        program.stdin.close()
        assert program.wait() == 0
    assert not ProcessFigures.objects.exists()


FORKING = """
import os
for _ in range(2):
    if not os.fork():
        break
else:
    os.wait(); os.wait()
    print("ready", flush=True)
    sys.exit()
measure.observe('turn', 0.001)
reporter.stop()
os._exit(0)
"""


def test_each_forked_process_reports_for_itself_and_their_parent_not_at_all():
    with reporting(FORKING) as parent:
        assert parent.wait() == 0
    pids = set(ProcessFigures.objects.values_list("pid", flat=True))
    assert len(pids) == 2
    assert parent.pid not in pids
    assert counted("turn") == 2


def test_a_process_keeps_its_figures_through_an_outage_of_postgres(private_postgres):
    server = private_postgres()
    with reporting(f"from django.core.management import call_command\n{MIGRATE}", url=server.url) as program:
        tell(program, "measure.observe('turn', 0.001)")
        tell(program, f"until(lambda: {WRITTEN} == 1)")
        server.stop()
        for _ in range(3):
            tell(program, "measure.observe('turn', 0.001)")
        tell(program, "until(lambda: reporter._reporter._failing)")
        server.start()
        tell(program, f"until(lambda: {WRITTEN} == 4)")


MIGRATE = """
call_command("migrate", verbosity=0)
from django.db import Error, connection
from config.services.process import wait_until
def until(true):
    assert wait_until(true, 60)
def written():
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT counts -> 'turn' -> 'buckets' FROM persistence_process_hour")
            import json
            return sum(sum(json.loads(row or '{}').values()) for (row,) in cursor.fetchall())
    except Error:
        connection.close()
"""
WRITTEN = "written()"


def test_counts_survive_the_way_to_postgres_and_back():
    measure.observe("turn", 1e9)
    Reporter("worker").flush()
    assert json.loads(json.dumps(ProcessHour.objects.get().counts))["turn"]["seconds"] == 1e9
