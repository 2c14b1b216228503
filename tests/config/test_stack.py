"""``manage.py up`` as a person runs it: everything on free ports, out of a directory of its own."""

import base64
import http.client
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config import services
from config.services import ServiceError, process, state
from tests.services_plugin import scratch

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
CONTRACT = {
    "api",
    "api_key",
    "domain",
    "admin",
    "admin_user",
    "admin_password",
    "flower",
    "database_url",
    "redis_url",
}
ROLES = {"web", "worker", "beat", "flower", "postgres", "redis"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Up:
    """A running ``manage.py up`` and its stack.json."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.output = directory.with_suffix(".out")
        self.environ = {name: value for name, value in os.environ.items() if name not in SERVERS}
        # A relay's task ends soon after it is asked to, so that the tests do not wait for it.
        self.environ |= {"HOLDFAST_LOCAL_DIR": str(directory), "OUTBOX_RELAY_BUDGET_SECONDS": "1"}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                self.command("up"), env=self.environ, stdout=output, stderr=output
            )
        # The file is there before the welcome is printed.
        eventually(lambda: "is up" in self.output.read_text() or self.process.poll() is not None, 120)
        assert self.process.poll() is None, self.output.read_text()

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *arguments]

    @property
    def facts(self) -> dict:
        return json.loads((self.directory / "stack.json").read_text())

    def everybody(self) -> list[int]:
        return [pid for pids in self.facts["pids"].values() for pid in pids]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(100)


@pytest.fixture(scope="module")
def latest():
    """The stack of this module: started by the first test, and again after a test that ended it."""
    stacks: list[Up] = []
    yield stacks
    if stacks and stacks[-1].process.poll() is None:
        stacks[-1].end(signal.SIGTERM)


@pytest.fixture
def up(latest: list[Up]) -> Up:
    """A stack that runs."""
    if not latest or latest[-1].process.poll() is not None:
        latest.append(Up(scratch() / "up"))
    return latest[-1]


def eventually(true: Callable[[], object], seconds: float = 60) -> None:
    assert process.wait_until(lambda: bool(true()), seconds)


def alive(pid: int) -> bool:
    return process.birth(pid) is not None


def status_of(url: str, login: str = "") -> int:
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}
        connection.request("GET", f"/{path}", headers=headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_the_file_for_scripts_is_complete_private_and_true(up):
    assert stat.S_IMODE((up.directory / "stack.json").stat().st_mode) == 0o600
    assert set(up.facts) >= CONTRACT | {"archive", "pids"}
    assert set(up.facts["pids"]) >= ROLES
    eventually(lambda: all(up.facts["pids"].values()) and all(alive(pid) for pid in up.everybody()))
    assert up.facts["pids"]["supervisor"] == [up.process.pid]
    assert status_of(up.facts["api"] + "/readyz") == 200


def test_flower_is_behind_a_login(up):
    eventually(lambda: status_of(up.facts["flower"] + "/") == 401)
    login = f"{up.facts['flower_user']}:{up.facts['flower_password']}"
    assert status_of(up.facts["flower"] + "/", login) == 200


def test_no_password_stands_on_a_command_line(up):
    secrets = (
        up.facts["admin_password"],
        up.facts["flower_password"],
        up.facts["database_url"],
        up.facts["redis_url"],
    )
    for pid in up.everybody():
        line = " ".join(process.command_line(pid))
        assert not [secret for secret in secrets if secret in line]


def test_a_second_one_in_the_same_place_is_refused_and_disturbs_nothing(up):
    before = up.everybody()
    second = subprocess.run(up.command("up"), env=up.environ, capture_output=True, text=True)
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert [pid for pid in before if alive(pid)] == before
    with pytest.raises(ServiceError, match="belongs to a running stack"):
        services.stop(up.directory)


def test_everything_that_is_killed_comes_back_and_the_file_follows(up):
    before = up.facts
    killed = [before["pids"][role][0] for role in ("web", "worker", "beat", "flower", "postgres", "redis")]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: all(up.facts["pids"].values()) and not set(killed) & set(up.everybody()))
    eventually(lambda: status_of(before["api"] + "/readyz") == 200)
    assert {name: value for name, value in up.facts.items() if name != "pids"} == {
        name: value for name, value in before.items() if name != "pids"
    }, "addresses and secrets stay"


def test_an_orderly_end_leaves_no_process_and_no_file_and_keeps_the_data(up):
    everybody, key = up.everybody(), up.facts["api_key"]
    assert up.end(signal.SIGINT) == 0, up.output.read_text()
    assert not [pid for pid in everybody if alive(pid)]
    assert not (up.directory / "stack.json").exists()
    assert (up.directory / "demo_key").read_text() == key

    # The next one finds services that were started apart: it uses them, and leaves them, even when it is killed.
    services.start(up.directory, environ={})
    apart = {server.pid for server in state.read(up.directory).values()}
    try:
        following = Up(up.directory)
        assert following.facts["api_key"] == key, "a key that is still valid is kept"
        everybody = following.everybody()
        assert apart < set(everybody)
        following.process.kill()
        following.process.wait()
        eventually(lambda: {pid for pid in everybody if alive(pid)} == apart)
    finally:
        services.stop(up.directory)
