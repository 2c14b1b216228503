"""``manage.py services``, run the way a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import services

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def command(local_dir: Path):
    """Run ``manage.py services …`` without a server named in the environment."""
    servers = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
    environ = {name: value for name, value in os.environ.items() if name not in servers}
    environ["HOLDFAST_LOCAL_DIR"] = str(local_dir)

    def run(*arguments: str, **named: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(ROOT / "manage.py"), "services", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environ | named, check=False)

    yield run
    services.stop(local_dir)


def last_object(done: subprocess.CompletedProcess) -> dict:
    return json.loads(done.stdout.splitlines()[-1])


def test_start_status_stop_and_reset_tell_scripts_how_things_are(command, local_dir):
    assert command("status", "--json").returncode == 1

    started = command("start", "--json")
    assert started.returncode == 0, started.stderr
    for name in ("postgres", "redis"):
        found = last_object(started)[name]
        assert found["running"] and not found["external"] and found["pid"] and found["data_dir"]
    assert last_object(started)["postgres"]["url"] == services.local_urls(local_dir)["database_url"]

    assert command("status", "--json").returncode == 0
    assert "running as process" in command("status").stdout

    stopped = command("stop", "--json")
    assert stopped.returncode == 0
    assert not last_object(stopped)["postgres"]["running"]
    assert "data kept in" in command("status").stdout

    assert command("reset", "--yes").returncode == 0
    assert not list(local_dir.glob("postgres-*"))


def test_reset_without_a_yes_is_misuse_and_deletes_nothing(command, local_dir):
    command("start")
    refused = command("reset")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert len(services.local_urls(local_dir)) == 2


def test_an_unknown_action_is_misuse(command):
    assert command("explode").returncode == 2


def test_the_password_of_an_external_server_is_not_printed(command):
    shown = command(
        "status", DATABASE_URL="postgresql://me:hush@127.0.0.1:1/x", REDIS_URL="redis://:hush@127.0.0.1:1/0"
    )
    assert shown.returncode == 1
    assert "external, does not answer" in shown.stdout
    assert "hush" not in shown.stdout + shown.stderr
