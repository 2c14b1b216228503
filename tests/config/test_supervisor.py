"""The supervisor with small programs of its own."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.services import process
from config.stack.processes import Process
from config.stack.supervisor import Supervisor

SLEEPS = "import time; time.sleep(600)"
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); time.sleep(600)"
)
SPAWNS = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('spawned', flush=True); time.sleep(600)"
)


def program(code: str, name: str = "one", role: str = "web", **environ: str) -> Process:
    return Process(name, role, (sys.executable, "-c", code), {**os.environ, **environ})


@pytest.fixture
def supervise(tmp_path: Path):
    """Start a supervisor over some programs; it is stopped at the end."""
    made: list[Supervisor] = []

    def start(*table: Process, said: list[str] | None = None, each_second=lambda: None) -> Supervisor:
        say = (said if said is not None else []).append
        supervisor = Supervisor(table, tmp_path, say=say, each_second=each_second)
        made.append(supervisor)
        supervisor.start()
        eventually(lambda: all(supervisor.pids().values()))
        return supervisor

    yield start
    for supervisor in made:
        supervisor.hurry()
        supervisor.stop()


def eventually(true: Callable[[], object]) -> None:
    assert process.wait_until(lambda: bool(true()), 20)


def alive(pid: int) -> bool:
    return process.birth(pid) is not None


def test_output_goes_to_a_log_named_after_the_process_and_the_run_before_is_kept(supervise, tmp_path):
    (tmp_path / "one.log").write_text("yesterday\n")
    supervise(
        program("import os, time; print(os.environ['WORD'], flush=True); time.sleep(600)", WORD="hello")
    )
    eventually(lambda: (tmp_path / "one.log").read_text() == "hello\n")
    assert (tmp_path / "one.log.1").read_text() == "yesterday\n"


def test_process_ids_are_known_by_role_with_children(supervise):
    supervisor = supervise(
        program(SPAWNS, "a", "worker"), program(SLEEPS, "b", "worker"), program(SLEEPS, "c", "beat")
    )
    eventually(lambda: len(supervisor.pids()["worker"]) == 3)
    assert len(supervisor.pids()["beat"]) == 1


def test_what_dies_is_started_again(supervise):
    said: list[str] = []
    supervisor = supervise(program(SLEEPS), said=said)
    (first,) = supervisor.pids()["web"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.pids()["web"] not in ([], [first]))
    assert supervisor.deaths() == {"one": 1}
    assert "one ended with status -9" in said[0]


def test_what_dies_again_and_again_is_given_longer_pauses(supervise):
    said: list[str] = []
    supervisor = supervise(program("import sys; sys.exit(3)"), said=said)
    eventually(lambda: supervisor.deaths()["one"] >= 3)
    assert ["0.5 s" in said[0], "1 s" in said[1], "2 s" in said[2]] == [True] * 3


def test_children_of_a_killed_leader_do_not_stay_behind(supervise):
    supervisor = supervise(program(SPAWNS))
    eventually(lambda: len(supervisor.pids()["web"]) == 2)
    leader, child = supervisor.pids()["web"]
    os.kill(leader, signal.SIGKILL)
    eventually(lambda: not alive(child))


def test_stopping_leaves_nothing(supervise):
    supervisor = supervise(program(SPAWNS, "a"), program(SLEEPS, "b", "beat"))
    eventually(lambda: len(supervisor.pids()["web"]) == 2)
    everybody = [pid for pids in supervisor.pids().values() for pid in pids]
    supervisor.stop()
    assert not [pid for pid in everybody if alive(pid)]
    assert supervisor.pids() == {"web": [], "beat": []}


def test_hurrying_ends_what_does_not_listen(supervise, tmp_path, monkeypatch):
    monkeypatch.setattr("config.stack.supervisor.GRACE_SECONDS", 600.0)
    supervisor = supervise(program(DEAF))
    eventually(lambda: "deaf" in (tmp_path / "one.log").read_text())
    (pid,) = supervisor.pids()["web"]
    supervisor.hurry()
    supervisor.stop()
    assert not alive(pid)


def test_what_does_not_listen_is_killed_when_the_grace_is_over(supervise, tmp_path, monkeypatch):
    monkeypatch.setattr("config.stack.supervisor.GRACE_SECONDS", 0.2)
    supervisor = supervise(program(DEAF))
    eventually(lambda: "deaf" in (tmp_path / "one.log").read_text())
    (pid,) = supervisor.pids()["web"]
    supervisor.stop()
    assert not alive(pid)


def test_a_failing_helper_is_reported_and_supervision_goes_on(supervise):
    said: list[str] = []

    def helper() -> None:
        raise OSError("no space left on device")

    supervisor = supervise(program(SLEEPS), said=said, each_second=helper)
    eventually(lambda: "supervisor: no space left on device" in said)
    (first,) = supervisor.pids()["web"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: supervisor.pids()["web"] not in ([], [first]))


def test_a_supervisor_that_was_never_started_can_be_stopped(tmp_path):
    Supervisor([program(SLEEPS)], tmp_path, say=print).stop()


def test_a_process_and_its_pid_given_to_somebody_else_are_told_apart():
    mine = process.birth(os.getpid())
    assert process.still_lives(mine)
    pid, boot, tick = mine.split(":")
    assert not process.still_lives(f"{pid}:{boot}:{int(tick) + 1}")
    assert not process.still_lives(f"{pid}:another-boot:{tick}")


def test_a_reserved_port_is_handed_to_nobody_else_but_can_be_listened_on():
    with process.reserve_port() as reservation:
        port = reservation.getsockname()[1]
        with process.reserve_port(port) as beside:
            beside.listen()
            with process.reserve_port(port) as third:
                assert third.getsockname()[1] != port


def test_waiting_for_what_never_comes_ends():
    began = time.monotonic()
    assert not process.wait_until(lambda: False, 0.05)
    assert time.monotonic() > began
