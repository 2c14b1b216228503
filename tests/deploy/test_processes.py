"""The configured servers, really started: they serve, they keep quiet about identifiers, they stop."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.services import process
from tests.deploy.files import DEPLOY, ROOT

PATIENCE_SECONDS = 60


class Web:
    """gunicorn as the image and the unit start it, on a free port, its log in a file."""

    def __init__(self, directory: Path) -> None:
        (directory / "metrics").mkdir()
        self.log = directory / "web.log"
        environ = {
            **os.environ,
            "WEB_BIND": "127.0.0.1:0",
            "ACCESS_LOG": "1",
            "LOG_STYLE": "json",
            "BEHIND_TLS": "0",
            "ALLOWED_HOSTS": "holdfast.example",
            "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
        }
        command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "config.wsgi"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=log, stdout=log)
        self.port = int(self._wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)"))

    def _wait_for(self, pattern: str) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(pattern, self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return found[1]

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path, headers={"Host": "holdfast.example"})
            return connection.getresponse().status
        finally:
            connection.close()

    def lines(self) -> list[dict[str, object]]:
        whole = [line for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [json.loads(line) for line in whole]

    def paths(self) -> list[object]:
        """Return the addresses of the access log; other lines may come in between."""
        return [line["path"] for line in self.lines() if "path" in line]

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    started = Web(tmp_path_factory.mktemp("web"))
    yield started
    started.stop()


def healthcheck(url: str) -> int:
    environ = {**os.environ, "ALLOWED_HOSTS": "holdfast.example"}
    command = [sys.executable, DEPLOY / "healthcheck.py", url]
    return subprocess.run(command, env=environ, capture_output=True, check=False).returncode


def test_web_stops_cleanly_and_has_logged_in_json_without_identifiers(tmp_path: Path) -> None:
    web = Web(tmp_path)
    try:
        assert web.get("/healthz") == 200
        assert web.get("/api/v1/sessions/web/visitor-4711/state?name=Ada") in (401, 404)
    finally:
        status = web.stop()

    assert status == 0
    [line] = [line for line in web.lines() if "sessions" in str(line.get("path"))]
    assert line["path"] == "/api/v1/sessions/web/-/state"
    assert "visitor-4711" not in web.log.read_text()
    assert "Ada" not in web.log.read_text()


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("sessions/web/visitor-4711/events", "sessions/web/-/events"),
        ("sessions/web/a/visitor-4711/b/state", "sessions/web/-/state"),
        ("sessions/web/a%2Fvisitor-4711/state", "sessions/web/-/state"),
        ("sessions/web/visitor-4711%0A/state", "sessions/web/-/state"),
        ("sessions%2Fweb%2Fvisitor-4711%2Fstate", "sessions/web/-/state"),
        ("%73essions/web/visitor-4711/state", "sessions/web/-/state"),
        ("sessions//visitor-4711/state", "sessions//-/state"),
        ("sessions/web/visitor-4711/state/typo", "sessions/web/-"),
        ("customers/a%2Fvisitor-4711/recall", "customers/-/recall"),
    ],
)
def test_an_address_is_logged_without_what_it_names_however_it_is_written(
    web: Web, address: str, logged: str
) -> None:
    before = len(web.paths())
    assert web.get(f"/api/v1/{address}") in (401, 404)

    # The line is written after the answer, and perhaps behind a late one of another request.
    assert process.wait_until(lambda: f"/api/v1/{logged}" in web.paths()[before:], PATIENCE_SECONDS)
    assert "4711" not in web.log.read_text()


def test_the_longest_session_id_there_can_be_fits_into_an_address(web: Web) -> None:
    assert web.get("/api/v1/sessions/web/" + "%F0%9F%98%80" * 512 + "/state") == 401


def test_the_parent_that_loads_the_application_opens_no_connection_for_its_children_to_share(
    web: Web,
) -> None:
    assert web.get("/readyz") == 200

    connections = psutil.Process(web.process.pid).net_connections()
    assert {connection.status for connection in connections} == {psutil.CONN_LISTEN}


def test_the_health_check_believes_200_alone(web: Web) -> None:
    address = f"http://127.0.0.1:{web.port}"

    assert healthcheck(f"{address}/healthz") == 0
    assert healthcheck(f"{address}/nothing-here") == 1
    # A redirect, which must not be followed to wherever it points.
    assert healthcheck(f"{address}/") == 1


def test_the_health_check_fails_when_nobody_listens() -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else can answer there.
        taken.bind(("127.0.0.1", 0))

        assert healthcheck(f"http://127.0.0.1:{taken.getsockname()[1]}/healthz") == 1


@pytest.mark.parametrize("login", ["", "password-without-a-user"])
def test_flower_does_not_start_without_a_login(login: str, tmp_path: Path) -> None:
    (tmp_path / "login").write_text(login)
    environ = {**os.environ, "FLOWER_BASIC_AUTH_FILE": str(tmp_path / "login"), "FLOWER_PORT": "1"}
    environ.pop("FLOWER_BASIC_AUTH", None)
    command = [sys.executable, "-m", "celery", "-A", "config", "flower", "--conf=deploy/flower.conf.py"]

    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "FLOWER_BASIC_AUTH_FILE" in done.stderr


def test_a_number_that_makes_no_sense_stops_the_start_with_its_name() -> None:
    environ = {**os.environ, "WEB_CONCURRENCY": "many"}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--check-config",
        "--config",
        "deploy/gunicorn.conf.py",
        "config.wsgi",
    ]

    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "WEB_CONCURRENCY" in done.stderr


def test_static_files_are_collected_with_no_secret_and_no_server(tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOLDFAST_DEVELOPMENT": "1",
        "STATIC_ROOT": str(tmp_path / "static"),
    }
    command = [sys.executable, "manage.py", "collectstatic", "--noinput"]

    subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=True)

    assert (tmp_path / "static" / "admin").is_dir()
    assert "HOLDFAST_DEVELOPMENT=1 STATIC_ROOT=/app/static" in (DEPLOY / "Dockerfile").read_text()
