"""``make demo`` as a whole: from nothing to a verdict, and again on the kept data, leaving nothing else behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from django.conf import settings

EXTERNAL = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "ARCHIVE_URL")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def demo(local_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in EXTERNAL}
    return subprocess.run(
        [sys.executable, "manage.py", "demo", "--turns", "1", *arguments],
        cwd=settings.BASE_DIR,
        env=environ | {"HOLDFAST_LOCAL_DIR": str(local_dir), "HOLDFAST_DEVELOPMENT": "1"},
        capture_output=True,
        text=True,
        timeout=190,
    )


def processes_of(local_dir: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            mine = str(local_dir) in " ".join(process.cmdline()) or (
                process.environ().get("HOLDFAST_LOCAL_DIR") == str(local_dir)
            )
        except psutil.Error:
            continue
        if mine and process.pid != os.getpid():
            found.append(f"{process.pid} {process.name()}")
    return found


def test_the_demo_keeps_every_promise_and_the_next_one_names_what_was_done_to_the_copy(
    local_dir: Path,
) -> None:
    first = demo(local_dir, "--json")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout.splitlines()[-1])
    assert told["ok"] is True
    assert told["failed"] == 0
    assert told["missing"] == told["altered"] == told["foreign"] == []
    assert told["turns"] + told["handoffs"]["turns"] == told["objects"] == told["compared"] > 700
    assert told["handoffs"]["closed"] == told["handoffs"]["came_back"] == told["handoffs"]["promised"] > 0
    night = told["summaries"]
    assert night["summarized"] == night["eligible"] == night["cited"] == night["archived"] > 50
    assert night["failed"] == night["remaining"] == night["left"] == 0
    assert len(list((local_dir / "archive" / "summaries").rglob("*.json"))) == told["documents"]
    objects = sorted((local_dir / "archive" / "turns").rglob("*.json"))
    assert len(objects) == told["objects"]
    assert processes_of(local_dir) == []
    assert not (local_dir / "stack.json").exists()

    objects[3].chmod(0o600)
    objects[3].write_bytes(objects[3].read_bytes().replace(b'"seq":', b'"seQ":'))
    objects[5].unlink()
    second = demo(local_dir)

    assert second.returncode == 1, second.stderr
    assert "Holdfast broke 2 of its promises." in second.stdout  # the other five held a second time
    assert f"altered: {objects[3].relative_to(local_dir / 'archive')}" in second.stdout
    assert f"missing: {objects[5].relative_to(local_dir / 'archive')}" in second.stdout
    assert f"{2 * told['objects']:,} turns in all" in second.stdout
    assert processes_of(local_dir) == []
