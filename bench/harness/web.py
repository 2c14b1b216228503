"""gunicorn as the stack runs it, without workers beside it: for comparing two settings through the same door."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from django.conf import settings

from bench.contenders.shape import DOMAIN
from bench.harness.clients import Client, clients
from bench.harness.result import BenchError
from config.services import process
from config.stack.processes import process_table
from config.stack.ready import web_answers
from config.stack.supervisor import Supervisor
from persistence.apikeys import create_key

READY_SECONDS = 60.0


@contextlib.contextmanager
def web_under_load(name: str, environ: Mapping[str, str], *, connections: int) -> Iterator[Client]:
    """Give an HTTP client to a gunicorn of its own whose environment has ``environ`` beside the benchmark's."""
    directory = Path(settings.LOCAL_DIR) / f"web-{name}"
    metrics = directory / "metrics"
    metrics.mkdir(parents=True)
    own = {"PROMETHEUS_MULTIPROC_DIR": str(metrics), "PYTHONPATH": str(settings.BASE_DIR)}
    with process.reserve_port() as reservation:
        port = reservation.getsockname()[1]
        table = process_table(
            web_port=port,
            flower_port=0,
            login=("", ""),
            schedule_file="",
            environ={**os.environ, **own, **environ},
        )
        web = [entry for entry in table if entry.role == "web"]
        supervisor = Supervisor(web, directory, say=lambda _: None)
        supervisor.start()
        try:
            url = f"http://127.0.0.1:{port}"
            if not process.wait_until(lambda: web_answers(url), READY_SECONDS):
                said = process.tail(supervisor.log_of("web"), 25)
                raise BenchError(f"The web did not come up; its log ends with:{said}")
            given = {"url": url, "key": create_key(DOMAIN, name).key, "connections": connections}
            with clients("bench.harness.http_load.HttpLoad", [given]) as (client,):
                yield client
        finally:
            supervisor.stop()
            shutil.rmtree(directory, ignore_errors=True)
