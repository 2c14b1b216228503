"""``manage.py services``, run the way a person runs it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from config import services

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")


@pytest.fixture
def command(local_dir: Path, settings, monkeypatch):
    """Run ``manage.py services …`` here, without a server named in the environment; return what it prints."""
    for name in SERVERS:
        monkeypatch.delenv(name, raising=False)
    settings.LOCAL_DIR = local_dir

    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command("services", *arguments, stdout=out)
        return out.getvalue()

    yield run
    services.stop(local_dir)


def in_a_process_of_its_own(local_dir: Path, *arguments: str) -> subprocess.CompletedProcess:
    environ = {name: value for name, value in os.environ.items() if name not in SERVERS}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "services", *arguments],
        env=environ | {"HOLDFAST_LOCAL_DIR": str(local_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def last_object(text: str) -> dict:
    return json.loads(text.splitlines()[-1])


def test_started_servers_run_on_after_the_command_until_they_are_stopped(command, local_dir):
    started = in_a_process_of_its_own(local_dir, "start", "--json")
    assert started.returncode == 0, started.stderr
    for name in ("postgres", "redis"):
        found = last_object(started.stdout)[name]
        assert found["running"] and not found["external"] and found["pid"] and found["data_dir"]
    assert last_object(started.stdout)["postgres"]["url"] == services.local_urls(local_dir)["database_url"]

    assert "running as process" in command("status")
    assert not last_object(command("stop", "--json"))["postgres"]["running"]
    with pytest.raises(SystemExit, match="1"):
        command("status", "--json")

    assert command("reset", "--yes")
    assert not list(local_dir.glob("postgres-*"))


def test_reset_without_a_yes_is_misuse_and_deletes_nothing(local_dir):
    services.start(local_dir, own=True, environ={})
    refused = in_a_process_of_its_own(local_dir, "reset")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert len(services.local_urls(local_dir)) == 2
    services.stop(local_dir)


def test_the_password_of_an_external_server_is_not_printed(command, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hush@127.0.0.1:1/x")
    monkeypatch.setenv("REDIS_URL", "redis://:hush@127.0.0.1:1/0")
    out = io.StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("services", "status", stdout=out)
    assert "external, does not answer" in out.getvalue()
    assert "hush" not in out.getvalue() + "".join(capsys.readouterr())
