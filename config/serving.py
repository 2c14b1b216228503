"""What every web process of ours tells the application, however gunicorn was started: hooks of its configuration."""

import os
from typing import Any

from prometheus_client import multiprocess

from persistence.http.ending import ends_when


def post_worker_init(worker: Any) -> None:
    """Let answers that go on for minutes know when the worker is to stop: by a signal, or grown old."""
    ends_when(lambda: not worker.alive)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Forget the live gauges of a child that is gone; its counters still count."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)
