"""Servers and tables of the benchmarks' own. A server that somebody else uses is neither used nor disturbed."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import django
import psycopg2
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from bench.harness.result import BenchError
from config import services
from config.services.state import make_local_dir

# What the environment says about a deployment must not leak into a measurement.
FOREIGN = (
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "REDIS_URL",
    "REDIS_URL_FILE",
    "CELERY_BROKER_URL",
    "ARCHIVE_URL",
    "HOT_REDIS_URL",
    "HOT_REDIS_URL_FILE",
    "SESSION_STATE_BACKEND",
    "SESSION_STATE_REDIS_FIRST_DOMAINS",
    "HISTORY_CACHE",
)
PROJECT = Path(__file__).resolve().parent.parent.parent


@contextlib.contextmanager
def private_services() -> Iterator[Path]:
    """Start Postgres and Redis, set Django up for them, make the tables; yield the directory of all of it.

    It lies beside the project's own data and not in a temporary directory, which is often kept in memory: there a
    flush costs nothing, and every figure would be a lie. Raises BenchError when another run is using it.
    """
    directory = Path(os.environ.get("HOLDFAST_LOCAL_DIR") or PROJECT / ".local") / "bench"
    make_local_dir(directory.parent)
    with (directory.parent / "bench.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BenchError(
                f"Benchmarks already run out of {directory.parent}; two would only measure each other."
            ) from error
        shutil.rmtree(directory, ignore_errors=True)
        make_local_dir(directory)
        try:
            set_up(directory)
            yield directory
        finally:
            connections.close_all()
            services.stop(directory, mine_only=True)
            shutil.rmtree(directory, ignore_errors=True)


def set_up(directory: Path) -> None:
    for name in FOREIGN:
        os.environ.pop(name, None)
    urls = services.start(directory, own=True, environ={})
    os.environ |= {
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "HOLDFAST_LOCAL_DIR": str(directory),
        "HOLDFAST_DEVELOPMENT": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "WARNING",
    }
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    connections.close_all()


@contextlib.contextmanager
def unhurried(url: str = "") -> Iterator["psycopg2.extensions.cursor"]:
    """Give a cursor in autocommit mode without Holdfast's time-outs, for loading and for limits."""
    connection = psycopg2.connect(url or settings.DATABASE_URL)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def empty_tables() -> None:
    """Start from nothing: no rows, no bloat, no write-ahead log left to be checkpointed."""
    names = ", ".join(
        model._meta.db_table
        for label in ("persistence", "outbox", "handoff", "summarization")
        for model in apps.get_app_config(label).get_models()
    )
    with unhurried() as cursor:
        cursor.execute(f"TRUNCATE {names} RESTART IDENTITY")
        settle_down(cursor)


def settle_down(cursor: "psycopg2.extensions.cursor") -> None:
    """Do now what autovacuum and the checkpointer would do in the middle of a measurement."""
    cursor.execute("VACUUM ANALYZE")
    cursor.execute("CHECKPOINT")


@contextlib.contextmanager
def second_database(name: str) -> Iterator[str]:
    """Give the URL of another database with the same tables, empty, on the same server."""
    connections.close_all()
    maintenance = settings.DATABASE_URL.rpartition("/")[0] + "/postgres"
    with unhurried(maintenance) as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE holdfast")
        try:
            yield f"{settings.DATABASE_URL.rpartition('/')[0]}/{name}"
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
