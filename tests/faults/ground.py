"""One Postgres for all experiments, with a migrated database to copy, and the houses built on it."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from config.services import postgres
from tests.faults.house import ROOT, House
from tests.private_servers import PrivateServer
from tests.services_plugin import scratch

_numbers = itertools.count(1)
Build = Callable[..., House]


@dataclass(frozen=True)
class Ground:
    """A server that experiments may harm (and must heal), its log, and a key valid in each copy of its database."""

    server: PrivateServer
    log: Path
    key: str

    def copy(self) -> str:
        """Return the URL of a fresh database with all tables and the key."""
        name = f"house{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE holdfast")
        return f"{self.server.url.rpartition('/')[0]}/{name}"

    def execute(self, sql: str) -> None:
        """Run a statement beside all databases."""
        connection = psycopg2.connect(f"{self.server.url.rpartition('/')[0]}/postgres", connect_timeout=10)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
        finally:
            connection.close()


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    home = scratch() / "faults-postgres"
    server = PrivateServer(postgres, home)
    server.start()
    environ = os.environ | {"DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "config.settings"}

    def manage(*arguments: str) -> str:
        command = House.command("manage.py", *arguments)
        return subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True
        ).stdout

    try:
        manage("migrate", "--verbosity", "0")
        created = json.loads(manage("apikey", "create", "--domain", "demo", "--json").splitlines()[-1])
        yield Ground(server, home.with_suffix(".log"), created["key"])
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def house(ground: Ground) -> Iterator[Build]:
    """Build houses; each environment variable may be given by name."""
    yield from _builder(ground)


@pytest.fixture(scope="module")
def lasting_house(ground: Ground) -> Iterator[Build]:
    """The same for a house that the experiments of a module share."""
    yield from _builder(ground)


def _builder(ground: Ground) -> Iterator[Build]:
    built: list[House] = []

    def build(*, redis_url: str | None = None, **environ: Any) -> House:
        settings = {name: str(value) for name, value in environ.items()}
        at = {"redis_url": redis_url} if redis_url else {}
        made = House(scratch() / f"house-{next(_numbers)}", ground.copy(), ground.key, environ=settings, **at)
        built.append(made)
        return made

    yield build
    for made in built:
        made.close()
        shutil.rmtree(made.directory, ignore_errors=True)
