"""``manage.py ladder``, as an operator and a script meet it."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from persistence.ladder.reporter import SILENT_SECONDS
from tests.persistence.ladder.support import NOW, eventually, live, ran, reporting, worked

pytestmark = pytest.mark.django_db
AT = ("--now", NOW.isoformat())


def ladder(capsys, *arguments: str) -> tuple[int, str]:
    status = 0
    try:
        call_command("ladder", *arguments)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, capsys.readouterr().out


def judged(capsys, *arguments: str) -> tuple[int, dict]:
    status, said = ladder(capsys, "--json", *arguments)
    return status, json.loads(said.splitlines()[-1])


def test_without_any_figure_everything_stays_and_the_exit_status_is_0(capsys):
    status, found = judged(capsys, *AT)
    assert status == 0
    assert (found["level"], found["recommended"], found["setting"], found["first"]) == (0, 0, None, None)
    assert "not enough seen" in {evidence["judgement"] for evidence in found["evidence"]}


def test_another_level_is_exit_status_1_with_the_one_setting(settings, capsys):
    settings.SESSION_STATE_BACKEND = "memory"
    live()
    live()
    status, found = judged(capsys, *AT)
    assert status == 1
    assert (found["level"], found["recommended"], found["setting"]) == (0, 1, "SESSION_STATE_BACKEND=redis")
    assert found["figures"]["web_processes"] == 2
    (said,) = [evidence for evidence in found["evidence"] if evidence["judgement"] == "climb"]
    assert (said["level"], said["trigger"], said["measured"], said["threshold"]) == (1, "web processes", 2, 1)
    assert found["reasons"] == [said["reason"]]


def test_the_window_is_as_long_as_it_is_asked_for(settings, capsys):
    settings.SESSION_STATE_BACKEND = "memory"
    live()
    ran(NOW - timedelta(hours=20), NOW - timedelta(hours=10), held=3)
    assert judged(capsys, *AT)[0] == 1
    assert judged(capsys, *AT, "--hours", "8")[0] == 0


def test_for_people_it_says_the_level_the_setting_and_why(settings, capsys):
    settings.SESSION_STATE_BACKEND = "redis"
    settings.HISTORY_CACHE = "off"
    settings.HOT_REDIS_URL = ""
    for _ in range(2):
        worked(live(backend="redis"), history=(20_000, 0.003), turn=(10_000, 0.004))
    status, said = ladder(capsys, *AT)
    assert status == 1
    lines = said.splitlines()
    assert lines[0] == (
        "in force   level 1: session state in Redis (SESSION_STATE_BACKEND=redis, HISTORY_CACHE=off)"
    )
    assert lines[2] == "change     HISTORY_CACHE=redis (set HOT_REDIS_URL before)"
    assert lines[3] == "because    Reads of history take 60.0 % of the database's time."
    assert "  history share                  0.6" in lines


def test_every_figure_can_be_written_as_json_and_has_a_plain_value(capsys):
    worked(live(), turn=(300, 0.004), state_write=(300, 0.002), history=(5, 0.002), cache=(5, 0.001))
    _, found = judged(capsys, *AT)
    assert all(value is None or isinstance(value, str | int | float) for value in found["figures"].values())
    assert found["figures"]["turns"] == 300
    assert found["figures"]["cache_hit_ratio"] == 0.5


@pytest.mark.parametrize(
    "misuse",
    [
        ("--hours", "0"),
        ("--hours", "-3"),
        ("--hours", "nan"),
        ("--hours", "721"),
        ("--hours", "day"),
        ("--now", "noon"),
        ("--now", "2026-05-04T12:00:00"),
        ("up",),
    ],
)
def test_misuse_is_refused_before_anything_is_read(misuse, django_assert_num_queries):
    with django_assert_num_queries(0), pytest.raises(CommandError):
        call_command("ladder", *misuse)


@pytest.mark.django_db(transaction=True)
def test_two_real_processes_with_memories_of_their_own_are_seen_and_one_is_not_too_many(settings, capsys):
    settings.SESSION_STATE_BACKEND = "memory"
    with reporting("measure.observe('state_write', 0.001)") as first:
        eventually(lambda: judged(capsys)[1]["figures"]["web_processes"] == 1)
        assert judged(capsys)[0] == 0
        with reporting("measure.observe('state_write', 0.001)"):
            eventually(lambda: judged(capsys)[1]["figures"]["web_processes"] == 2)
            status, found = judged(capsys)
            assert (status, found["setting"]) == (1, "SESSION_STATE_BACKEND=redis")
            assert found["figures"]["states_in_memory"] == 14
            first.kill()
    later = (timezone.now() + timedelta(seconds=SILENT_SECONDS + 60)).isoformat()
    status, found = judged(capsys, "--now", later)
    assert status == 1
    assert found["figures"]["web_processes"] == 0
    assert found["figures"]["restarts_that_lost_state"] == 2
    assert found["figures"]["states_lost"] == 14
