"""A whole Holdfast of real processes for one experiment: web, relays or the supervised stack, around one database."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from config.services import process
from config.stack.processes import process_table
from config.stack.ready import web_answers
from config.stack.supervisor import Supervisor
from tests.fakes.s3 import FakeS3
from tests.faults.checker import check
from tests.faults.client import Client
from tests.faults.history import History
from tests.faults.program import Program
from tests.faults.records import read_database, read_fake

ROOT = Path(__file__).resolve().parents[2]
NOBODY_LISTENS = "redis://127.0.0.1:1/0"
SOON = 60.0
ON_THE_WAY = """
SELECT (SELECT count(*) FROM outbox_delivery WHERE status = 'pending')
     + (SELECT count(*) FROM outbox_lane WHERE leased_until IS NOT NULL)
"""
COUNTED = "SELECT coalesce(sum(value), 0)::int FROM outbox_counter WHERE name = %s"


class House:
    """What an experiment lives in. ``environ`` may change any setting; ``close()`` leaves nothing behind."""

    def __init__(
        self,
        directory: Path,
        database_url: str,
        key: str,
        *,
        redis_url: str = NOBODY_LISTENS,
        environ: dict[str, str] | None = None,
    ) -> None:
        self.directory, self.database_url, self.redis_url = directory, database_url, redis_url
        self.history = History()
        self._key = key
        self._settings = environ or {}
        self._programs: list[Program] = []
        self._supervisors: list[Supervisor] = []
        self._ports: list[socket.socket] = []
        self.s3 = FakeS3()
        self.s3.__enter__()
        (directory / "metrics").mkdir(parents=True)
        directory.chmod(0o711)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every process."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        return inherited | {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "HOLDFAST_DEVELOPMENT": "1",
            "HOLDFAST_LOCAL_DIR": str(self.directory),
            "PROMETHEUS_MULTIPROC_DIR": str(self.directory / "metrics"),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "CELERY_BROKER_URL": self.redis_url,
            "ARCHIVE_URL": f"s3://{self.s3.bucket}",
            "ARCHIVE_S3_ENDPOINT": self.s3.url,
            "ARCHIVE_S3_ACCESS_KEY_ID": self.s3.access_key,
            "ARCHIVE_S3_SECRET_ACCESS_KEY": self.s3.secret_key,
            **self._settings,
        }

    def close(self) -> None:
        """End every process of this house."""
        for supervisor in self._supervisors:
            supervisor.hurry()
            supervisor.stop()
        for program in self._programs:
            program.kill()
        for port in self._ports:
            port.close()
        self.s3.__exit__(None, None, None)

    def web(self, **environ: str) -> "Web":
        """Start a web server, as it is deployed; returns at once (``ready()`` waits)."""
        port = process.reserve_port()
        self._ports.append(port)
        return Web(self, port.getsockname()[1], environ)

    def relay(self, **environ: str) -> Program:
        """Start ``manage.py outbox relay archive --loop``."""
        return self.start("relay", "manage.py", "outbox", "relay", "archive", "--loop", **environ)

    def relays_at_work(self, count: int) -> None:
        """Start that many relays and wait until each of them asks the database for work."""
        for relay in [self.relay() for _ in range(count)]:
            asks = psutil.Process(relay.pid).net_connections
            eventually(lambda asks=asks: asks("tcp"), "the relay is connected")

    def end_relays(self) -> None:
        """Kill every relay of this house."""
        for program in self._programs:
            if program.log.name.startswith("relay"):
                program.kill()

    def beat(self) -> Program:
        """Start one more beat."""
        number = len(self._programs)
        schedule = str(self.directory / f"beat-{number}")
        return self.start(
            "beat", "-m", "celery", "-A", "config", "beat", "--schedule", schedule, "--pidfile="
        )

    def start(self, name: str, *arguments: str, **environ: str) -> Program:
        """Start a Python program in the project's directory."""
        log = self.directory / f"{name}-{len(self._programs)}.log"
        program = Program(self.command(*arguments), log=log, environ=self.environ | environ)
        self._programs.append(program)
        return program

    def stack(self) -> "Stack":
        """Start web, workers and beat under the supervisor, as ``manage.py up`` does; returns when the web answers."""
        port = process.reserve_port()
        self._ports.append(port)
        number = port.getsockname()[1]
        table = process_table(
            web_port=number,
            flower_port=0,
            login=("", ""),
            schedule_file=str(self.directory / "schedule"),
            environ=self.environ,
        )
        said: list[str] = []
        supervisor = Supervisor(
            [entry for entry in table if entry.role != "flower"], self.directory, say=said.append
        )
        self._supervisors.append(supervisor)
        supervisor.start()
        stack = Stack(supervisor, self.client(f"http://127.0.0.1:{number}"), said)
        eventually(lambda: web_answers(stack.client.url), "the web server answers")
        return stack

    def client(self, url: str) -> Client:
        return Client(url, self._key, self.history)

    def manage(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run a command with ``--json``; return its exit status and its object."""
        ran = subprocess.run(
            self.command("manage.py", *arguments, "--json"),
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=SOON * 2,
        )
        assert ran.stdout.strip(), ran.stderr
        return ran.returncode, json.loads(ran.stdout.strip().splitlines()[-1])

    def connect(self) -> Any:
        """Open a connection of the test's own, in autocommit mode."""
        connection = psycopg2.connect(self.database_url, connect_timeout=5, application_name="experiment")
        connection.autocommit = True
        return connection

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database, or change it, on a connection of its own."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def value(self, sql: str, *parameters: Any) -> Any:
        return self.query(sql, *parameters)[0][0]

    def counted(self, name: str) -> int:
        """Return one of the relay's own figures."""
        return int(self.value(COUNTED, name))

    def drain(self, seconds: float = SOON) -> None:
        """Wait until nothing is on its way."""
        eventually(lambda: self.value(ON_THE_WAY) == 0, "the outbox is empty", seconds)

    def until_the_store_is_asked(self, times: int, seconds: float = SOON) -> None:
        """Wait until the store has had that many more PUTs."""
        wanted = len(self.s3.requests("PUT")) + times
        eventually(
            lambda: len(self.s3.requests("PUT")) >= wanted, f"the store is asked {times} times", seconds
        )

    def check(self, *, drained: bool = True) -> None:
        """Hold the three records against each other."""
        found = check(self.history, read_database(self.database_url), read_fake(self.s3), drained=drained)
        assert not found, "\n".join(str(violation) for violation in found[:20])

    @staticmethod
    def command(*arguments: str) -> list[str]:
        if arguments[0] == "manage.py":
            arguments = (str(ROOT / "manage.py"), *arguments[1:])
        return [sys.executable, *arguments]


class Web:
    """A gunicorn that is started, killed and started again on the same address."""

    def __init__(self, house: House, port: int, environ: dict[str, str]) -> None:
        self._house, self._port, self._environ = house, port, environ
        self.client = house.client(f"http://127.0.0.1:{port}")
        self.program: Program
        self.start()

    def start(self) -> None:
        """Start it; returns at once."""
        config = str(ROOT / "deploy" / "gunicorn.conf.py")
        bind = {"WEB_BIND": f"127.0.0.1:{self._port}"}
        arguments = ("-m", "gunicorn", "--config", config, "--chdir", str(ROOT), "config.wsgi")
        self.program = self._house.start("web", *arguments, **bind, **self._environ)

    def ready(self) -> Client:
        """Wait until it answers and return a client of it."""
        eventually(lambda: self.client.request("GET", "/healthz").status == 200, "the web server answers")
        return self.client


class Stack:
    """The supervised processes of a house; ``said`` is what the supervisor reported."""

    def __init__(self, supervisor: Supervisor, client: Client, said: list[str]) -> None:
        self.supervisor, self.client, self.said = supervisor, client, said

    def pids(self, role: str) -> list[int]:
        """The process ids of web, worker or beat, leaders first."""
        return self.supervisor.pids()[role]

    def archive_workers(self) -> list[int]:
        """The process ids of the archive's worker, its leader first; empty while it is started again."""
        return [pid for pid in self.pids("worker") if "archive@%h" in process.command_line(pid)]


def eventually(true: Callable[[], object], what: str, seconds: float = SOON) -> None:
    """Wait until it is true, however slow the machine; what the wait was for is in the failure."""
    assert process.wait_until(lambda: bool(true()), seconds), f"never came true: {what}"
