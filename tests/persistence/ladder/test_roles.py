"""Who reports: the children of a real web server, and a worker's processes."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from persistence.apikeys import create_key
from persistence.models import ProcessFigures, ProcessHour
from tests.persistence.ladder.support import eventually, reporting, tell
from tests.persistence.replay.support import database_url

pytestmark = pytest.mark.django_db(transaction=True)
COMMAND = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "config.wsgi"]
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


@contextmanager
def web_server(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """gunicorn as it is deployed, one child: the process and its port."""
    environ = os.environ | {"DATABASE_URL": database_url(), "WEB_BIND": "127.0.0.1:0", "WEB_CONCURRENCY": "1"}
    log = directory / "web.log"
    with log.open("w") as output:
        server = subprocess.Popen(COMMAND, cwd=settings.BASE_DIR, env=environ, stdout=output, stderr=output)
    try:
        eventually(lambda: bool(LISTENING.search(log.read_text())))
        found = LISTENING.search(log.read_text())
        assert found is not None
        yield server, int(found[1])
    finally:
        server.kill()
        server.wait()


def post_turn(port: int, key: str, number: int) -> int:
    turn = {
        "channel": "web",
        "session_id": "s",
        "request_id": f"r{number}",
        "messages": [{"role": "user", "content": "hello"}],
    }
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    server.request("POST", "/api/v1/turns", json.dumps(turn), headers)
    status = server.getresponse().status
    server.close()
    return status


def test_a_web_servers_children_report_their_turns_and_say_farewell(tmp_path):
    key = create_key("demo").key
    with web_server(tmp_path) as (server, port):
        assert [post_turn(port, key, number) for number in range(3)] == [201] * 3
        eventually(ProcessFigures.objects.exists)
        child = ProcessFigures.objects.get()
        assert (child.role, child.ended_at) == ("web", None)
        assert child.pid != server.pid
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    assert ProcessFigures.objects.get().ended_at is not None
    assert sum(ProcessHour.objects.get().counts["turn"]["buckets"].values()) == 3


WORKER = """
from celery.signals import worker_init, worker_process_shutdown
import config.celery
worker_init.send(sender=None)
reporter.INTERVAL_SECONDS = 3600
measure.observe("history", 0.001)
"""


def test_a_worker_reports_as_one_and_its_pool_says_farewell():
    with reporting(WORKER) as program:
        tell(program, "worker_process_shutdown.send(sender=None)")
        row = ProcessFigures.objects.get()
        assert row.role == "worker"
        assert row.ended_at is not None
