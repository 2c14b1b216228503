"""A process whose settings cannot work says so and ends; it never half-runs."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

BEAT = ("-m", "celery", "-A", "config", "beat", "--pidfile=", "--schedule", "schedule")
WORKER = ("-m", "celery", "-A", "config", "worker", "--queues", "archive", "--concurrency", "1")


@pytest.mark.parametrize(
    "command", [("-c", "import config.wsgi"), WORKER, BEAT], ids=["web", "worker", "beat"]
)
def test_web_workers_and_beat_refuse_settings_that_cannot_work_with_the_hint(command, tmp_path):
    environ = os.environ | {"HASH_SECRET": "too-short", "PYTHONPATH": str(settings.BASE_DIR)}
    ended = subprocess.run(
        [sys.executable, *command], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "persistence.E002" in ended.stderr
    assert "Set HASH_SECRET or HASH_SECRET_FILE" in ended.stderr
