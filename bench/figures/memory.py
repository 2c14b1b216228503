"""Resident memory of one web process and of one worker, after each has done some work."""

import subprocess
import sys
from pathlib import Path

from bench.figures.post_turns import answered
from bench.harness.private import PROJECT
from bench.harness.result import Figure, at_most
from bench.harness.running import pids, stack_under_load, wait_until_relayed
from bench.harness.sizes import Size

BAR = 150
LONGEST_LOAD_SECONDS = 10.0
LIMIT_IS = "Python with Django set up, by itself"
SET_UP = "import django; django.setup(); print(flush=True); input()"


def measure(size: Size) -> list[Figure]:
    """Let the stack record and relay turns, then read what the kernel says about each process."""
    with stack_under_load() as (client, directory):
        client.begin(seconds=min(size.load_seconds, LONGEST_LOAD_SECONDS))
        answered(client.result())
        wait_until_relayed()
        found = pids(directory)
        web = largest(found["web"])
        worker = largest(found["worker"])
        alone = django_alone()
    return [
        at_most(
            f"one {name} process, resident", rss, "MB", BAR, alone, LIMIT_IS, f"{pss:.0f} MB its share (PSS)"
        )
        for name, (rss, pss) in (("web", web), ("worker", worker))
    ]


def largest(ids: list[int]) -> tuple[float, float]:
    """Return RSS and PSS in megabytes of the process with the most."""
    return max(resident(pid) for pid in ids)


def resident(pid: int) -> tuple[float, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024


def django_alone() -> float:
    """Return the RSS in megabytes of a process that has Django set up and does nothing."""
    command = [sys.executable, "-c", SET_UP]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
    ) as alone:
        assert alone.stdout is not None
        alone.stdout.readline()
        found, _ = resident(alone.pid)
        alone.communicate("\n")
    return found
