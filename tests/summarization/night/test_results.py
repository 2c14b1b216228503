"""Results of chunks, in Postgres, through Celery's own backend: its tables, its address, its clean-up."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from celery.backends.database import DatabaseBackend
from celery.backends.database.models import Task, TaskSet
from django.conf import settings as django_settings
from django.db import connection
from sqlalchemy import inspect, make_url

from config import env
from config.celery import app


@pytest.fixture
def backend(transactional_db) -> Iterator[DatabaseBackend]:
    """Celery's backend on the tests' database."""
    url = make_url(env.sqlalchemy_url(django_settings.DATABASE_URL)).set(
        database=connection.settings_dict["NAME"]
    )
    found = DatabaseBackend(
        app=app,
        url=url.render_as_string(hide_password=False),
        engine_options=django_settings.CELERY_DATABASE_ENGINE_OPTIONS,
    )
    yield found
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM celery_taskmeta")


@pytest.mark.parametrize("model", [Task, TaskSet])
def test_the_tables_are_as_celery_describes_them(backend, model):
    engine = backend.session_manager.get_engine(backend.url)
    table = model.__table__
    found = {column["name"]: column["type"] for column in inspect(engine).get_columns(table.name)}
    wanted = {column.name: column.type.compile(engine.dialect) for column in table.columns}
    assert {name: str(kind.compile(engine.dialect)) for name, kind in found.items()} == wanted
    indexed = {tuple(index["column_names"]) for index in inspect(engine).get_indexes(table.name)}
    assert ("date_done",) in indexed
    engine.dispose()


def test_a_result_is_kept_and_goes_when_its_time_is_over(backend):
    backend.store_result("chunk-1", {"done": 3}, "SUCCESS")
    assert backend.get_task_meta("chunk-1", cache=False)["result"] == {"done": 3}
    backend.cleanup()
    assert backend.get_task_meta("chunk-1", cache=False)["status"] == "SUCCESS"
    backend.expires = timedelta(seconds=-60)
    backend.cleanup()
    assert backend.get_task_meta("chunk-1", cache=False)["status"] == "PENDING"


def test_nothing_but_chunks_leaves_results():
    """Beat starts tasks every second; a row for each would never end."""
    app.loader.import_default_modules()
    ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    beats = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert beats - ours.keys() == {"celery.backend_cleanup"}
    assert [name for name, task in ours.items() if not task.ignore_result] == ["summarization.chunk"]


def test_somebody_cleans_up_and_it_is_the_maintenance_queue():
    entry = django_settings.CELERY_BEAT_SCHEDULE["celery.backend_cleanup"]
    assert (entry["task"], entry["options"]["queue"]) == ("celery.backend_cleanup", "maintenance")


@pytest.mark.parametrize(
    ("url", "host", "database"),
    [
        ("postgresql://ann:p%40ss@db.example:5433/summaries", "db.example", "summaries"),
        (
            f"postgresql://ann@/summaries?host={quote('/run/postgresql', safe='')}",
            "/run/postgresql",
            "summaries",
        ),
        ("postgresql:///summaries?host=/run/postgresql", "/run/postgresql", "summaries"),
        ("postgres://db.example", "db.example", "holdfast"),
        ("postgresql://ann@db.example/summaries?sslmode=require", "db.example", "summaries"),
    ],
)
def test_the_results_are_in_the_database_that_everything_else_is_in(url, host, database):
    found = make_url(env.sqlalchemy_url(url))
    _, arguments = found.get_dialect()().create_connect_args(found)
    django = env.database(url)
    assert (arguments["host"], arguments["dbname"]) == (django["HOST"], django["NAME"]) == (host, database)
    assert arguments.get("user", "") == django["USER"]
    assert arguments.get("password", "") == django["PASSWORD"]
    assert arguments.get("sslmode") == django["OPTIONS"].get("sslmode")
