"""Work in several processes at once, over the database of this test. Imported before Django is ready there."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

import django
from django.db import connection, connections

_together: Any = None


def in_processes(number: int, work: Callable[..., Any], *given: Any) -> list[Any]:
    """Do the work in so many processes that start at once; return what each returned."""
    spawn = multiprocessing.get_context("spawn")
    with patch.dict(os.environ, DATABASE_URL=tests_database(), DJANGO_SETTINGS_MODULE="config.settings"):
        together = spawn.Barrier(number)
        with ProcessPoolExecutor(number, mp_context=spawn, initializer=_begin, initargs=(together,)) as pool:
            return [each.result() for each in [pool.submit(_run, work, given) for _ in range(number)]]


def tests_database() -> str:
    """Return the URL of the database that this test runs in."""
    return urlunsplit(
        urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    )


def _begin(together: Any) -> None:
    global _together
    _together = together
    django.setup()


def _run(work: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    _together.wait(60)
    try:
        return work(*given)
    finally:
        connections.close_all()
