"""The process table: what runs beside Postgres and Redis, with which arguments."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

# A help desk may take 20 seconds over one call, and a model half a minute over one conversation: neither the archive
# nor the upkeep waits behind them.
QUEUES = {
    "archive": "archive",
    "helpdesk": "helpdesk",
    "general": "maintenance",
    "summaries": "summaries",
}


@dataclass(frozen=True)
class Process:
    """One supervised process. ``role`` groups processes in stack.json: web, worker, beat, flower."""

    name: str
    role: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]


def process_table(
    *, web_port: int, flower_port: int, login: tuple[str, str], schedule_file: str, environ: Mapping[str, str]
) -> list[Process]:
    """Return everything to start, in starting order. ``login`` is Flower's user and password."""
    # By environment: a password among the arguments is everybody's to read.
    flower_environ = {**environ, "FLOWER_BASIC_AUTH": ":".join(login)}
    return [
        Process("web", "web", _gunicorn(web_port), environ),
        *(
            Process(f"worker-{name}", "worker", _worker(name, queues), environ)
            for name, queues in QUEUES.items()
        ),
        Process("beat", "beat", _celery("beat", "--schedule", schedule_file, "--pidfile="), environ),
        Process("flower", "flower", _flower(flower_port), flower_environ),
    ]


def _gunicorn(port: int) -> tuple[str, ...]:
    # fmt: off
    return (
        sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}",
        "--config", "python:config.serving", "--worker-class", "gthread", "--workers", "2",
        # Streams of events have threads of their own, and never those that turns need.
        "--threads", str(8 + settings.EVENT_STREAMS),
        "--worker-connections", str(1000 + settings.EVENT_STREAMS), "--limit-request-line", "8190",
        "--keep-alive", "75", "--timeout", "60", "--graceful-timeout", "10",
        # Without it gunicorn opens a socket in the home directory, shared by every copy of Holdfast there.
        "--no-control-socket",
    )
    # fmt: on


def _worker(name: str, queues: str) -> tuple[str, ...]:
    # Gossip and mingle are chatter between workers that share work by other means; here the rows in
    # Postgres decide.
    alone = ("--without-gossip", "--without-mingle")
    return _celery("worker", "--queues", queues, "--concurrency", "1", "--hostname", f"{name}@%h", *alone)


def _flower(port: int) -> tuple[str, ...]:
    return _celery("flower", "--address=127.0.0.1", f"--port={port}")


def _celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-A", "config", *arguments)
