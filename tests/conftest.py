"""Fixtures for everybody. tests/services_plugin.py has started Postgres and Redis before this is read."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings

from config.services import postgres, redis
from tests.emptying import delete_what_little_there_is
from tests.fakes.model import FakeModel
from tests.faults.ground import ground as ground
from tests.faults.ground import house as house
from tests.faults.ground import lasting_house as lasting_house
from tests.private_servers import PrivateServer
from tests.services_plugin import scratch

_numbers = itertools.count()
delete_what_little_there_is()


@pytest.fixture
def local_dir() -> Iterator[Path]:
    """A fresh directory that a server of any user can reach, in place of ``.local``."""
    directory = scratch() / f"local-{next(_numbers)}"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def redis_url() -> str:
    """The tests' shared Redis. A test that wants to harm one takes ``private_redis``."""
    return settings.REDIS_URL


@pytest.fixture
def model_server() -> Iterator[FakeModel]:
    """A language model on loopback that answers well until it is told otherwise."""
    with FakeModel() as model:
        yield model


@pytest.fixture
def private_postgres() -> Iterator[Callable[[], PrivateServer]]:
    """Make throw-away Postgres servers, each started with an empty database ``holdfast``."""
    yield from _factory(postgres)


@pytest.fixture
def private_redis() -> Iterator[Callable[[], PrivateServer]]:
    """Make throw-away Redis servers."""
    yield from _factory(redis)


def _factory(kind: ModuleType) -> Iterator[Callable[[], PrivateServer]]:
    made: list[tuple[PrivateServer, Path]] = []

    def make() -> PrivateServer:
        home = scratch() / f"private-{next(_numbers)}"
        server = PrivateServer(kind, home)
        made.append((server, home))
        server.start()
        return server

    yield make
    for server, home in made:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
