"""Postgres and Redis for the tests, there before Django reads its settings.

Loaded with ``-p`` from pyproject.toml, which is earlier than any conftest and earlier than pytest-django.
Servers named by DATABASE_URL and REDIS_URL are used; what is missing is started in a directory of its own,
lives for this process and is removed with it. A pytest that is killed leaves no server: the kernel stops
them. With ``-n`` each worker has servers of its own, unless the environment named some before.
"""

import functools
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from config import services

SERVERS = ("DATABASE_URL", "REDIS_URL")
STARTED_HERE = (
    "HOLDFAST_TESTS_STARTED"  # the servers that pytest itself started; what it hands on is not meant for all
)


@functools.cache
def scratch() -> Path:
    """The directory of this test run, made when it is first asked for."""
    # Not pytest's own temporary directory: root's Postgres runs as nobody, who could not get into it.
    directory = Path(tempfile.mkdtemp(prefix="holdfast-tests-"))
    directory.chmod(0o711)
    return directory


def given(name: str) -> bool:
    """Tell whether the environment names a server, directly or by a file."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """Start what is missing and name it in the environment, before pytest-django loads the settings."""
    for name in os.environ.get(STARTED_HERE, "").split():  # a worker has inherited them
        os.environ.pop(name, None)
    os.environ[STARTED_HERE] = " ".join(name for name in SERVERS if not given(name))
    os.environ["PYTEST_PLUGINS"] = __name__  # a worker loads what ``-p`` names too late for this
    os.environ["HOLDFAST_LOCAL_DIR"] = str(scratch())
    os.environ["HOLDFAST_DEVELOPMENT"] = "1"
    # A busy machine is not what most tests are about; those about the budget set one of their own.
    os.environ.setdefault("HOT_REDIS_BUDGET_MS", "500")
    try:
        urls = services.start(scratch(), own=True)
    except services.ServiceError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ.pop("DATABASE_URL_FILE", None)
    os.environ.pop("REDIS_URL_FILE", None)
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = urls.database_url, urls.redis_url
    try:
        return (yield)
    except BaseException:  # Settings that cannot be read, say: then pytest never gets as far as unconfigure.
        pytest_unconfigure()
        raise


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop and remove what was started."""
    services.stop(scratch(), mine_only=True)
    shutil.rmtree(scratch(), ignore_errors=True)
