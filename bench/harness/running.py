"""The whole stack, exactly as ``make up`` runs it, on the benchmark's own servers."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from bench.harness.clients import Client, clients
from bench.harness.load import count, some_history
from bench.harness.private import empty_tables
from bench.harness.result import BenchError
from config.services import process
from config.stack import StackError, running_stack

CLIENTS = 16
PENDING = "SELECT count(*) FROM outbox_delivery WHERE status = 'pending'"
RELAY_SECONDS = 120.0


@contextlib.contextmanager
def stack_under_load() -> Iterator[tuple[Client, Path]]:
    """Give an HTTP client with 16 connections to a fresh stack, and the stack's directory.

    gunicorn, workers, beat, Flower, Postgres, Redis and the client share the machine's cores.
    """
    empty_tables()
    some_history()
    directory = Path(settings.LOCAL_DIR) / "stack"
    directory.mkdir(exist_ok=True)
    try:
        with running_stack(directory, say=lambda _: None) as stack:
            given = {"url": stack.api, "key": stack.api_key, "connections": CLIENTS}
            with clients("bench.harness.http_load.HttpLoad", [given]) as (client,):
                yield client, directory
    except StackError as error:
        raise BenchError(f"The stack did not start: {error}") from error


def wait_until_relayed() -> None:
    """Return when nothing is pending. Raises BenchError when the relay does not get there."""
    if not process.wait_until(lambda: count(PENDING) == 0, RELAY_SECONDS):
        raise BenchError(f"After {RELAY_SECONDS:g} s {count(PENDING)} deliveries still wait for the relay.")


def pids(directory: Path) -> dict[str, list[int]]:
    """Return the stack's process ids by role, those of each role in starting order."""
    found: dict[str, list[int]] = json.loads((directory / "stack.json").read_text(encoding="utf-8"))["pids"]
    return found
