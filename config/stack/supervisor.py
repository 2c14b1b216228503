"""A small supervisor: start a few processes, restart what dies, end all of it.

Our own 150 lines instead of honcho, circus or supervisord, because it has to do three things that none of
them does together: know the process ids by role at any time (stack.json), leave nothing behind when it is
killed with -9 itself (the kernel signals the children), and need no configuration file and no socket.

Every child is started by the one thread that lives as long as the supervisor, because the kernel's signal
comes when the *thread* that started a child ends. Each child leads a process group of its own, so a Ctrl-C
in the terminal reaches the supervisor alone, and a killed leader's remains can be ended with it.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.services import process
from config.stack.processes import Process

POLL_SECONDS = 0.1
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# A process that ran this long before it died starts again after the first, short pause.
SETTLED_SECONDS = 20.0
# Longer than a relay's time budget: a relay that is killed leaves its lanes leased for a minute.
GRACE_SECONDS = 30.0
KILL_SECONDS = 10.0


@dataclass
class _Child:
    """A place in the table and what is in it now: a process (``pid``) or a pause until ``not_before``."""

    process: Process
    pid: int | None = None
    started: float = 0.0
    not_before: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    deaths: int = field(default=0)


class Supervisor:
    """Runs a process table from ``start()`` to ``stop()``.

    ``say`` gets one line per event. ``each_second`` runs in the supervising thread (restarting services,
    refreshing stack.json); what it raises is said and does not end the supervision. Output goes to
    ``<log_dir>/<name>.log``.
    """

    def __init__(
        self,
        table: Sequence[Process],
        log_dir: Path,
        *,
        say: Callable[[str], None],
        each_second: Callable[[], None] = lambda: None,
    ) -> None:
        self._children = [_Child(entry) for entry in table]
        self._log_dir = log_dir
        self._say = say
        self._each_second = each_second
        self._ending = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start everything and return at once. Logs of an earlier run are kept as ``<name>.log.1``."""
        for child in self._children:
            log = self.log_of(child.process.name)
            if log.exists():
                log.replace(log.with_suffix(".log.1"))
        self._thread.start()

    def stop(self) -> None:
        """End everything: ask, wait, then kill whole groups. Returns when nothing is left."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def hurry(self) -> None:
        """Make a ``stop()`` under way kill at once what still runs. Safe in a signal handler."""
        self._hurry.set()

    def pids(self) -> dict[str, list[int]]:
        """Return the process ids by role, leaders first, with everything they started."""
        found: dict[str, list[int]] = {}
        for child in self._children:
            leader = child.pid
            ids = [] if leader is None else [leader, *process.descendants(leader)]
            found.setdefault(child.process.role, []).extend(ids)
        return found

    def deaths(self) -> dict[str, int]:
        """Return how often each process has died so far, by name."""
        return {child.process.name: child.deaths for child in self._children}

    def log_of(self, name: str) -> Path:
        """Return where a process's output goes."""
        return self._log_dir / f"{name}.log"

    def _run(self) -> None:
        next_second = 0.0
        while not self._ending.is_set():
            for child in self._children:
                self._tend(child)
            if time.monotonic() >= next_second:
                next_second = time.monotonic() + 1.0
                self._call_each_second()
            self._ending.wait(POLL_SECONDS)
        self._end_all()

    def _call_each_second(self) -> None:
        try:
            self._each_second()
        except Exception as error:  # Supervision goes on whatever a helper meets.
            self._say(f"supervisor: {error}")

    def _tend(self, child: _Child) -> None:
        if child.pid is not None and _has_ended(child.pid):
            self._bury(child)
        if child.pid is None and time.monotonic() >= child.not_before:
            # KILL, because a Celery worker asked politely waits for a broker that dies in the same moment.
            child.pid = process.spawn(
                child.process.argv,
                log=self.log_of(child.process.name),
                environ=dict(child.process.environ),
                die_with_parent=signal.SIGKILL,
            )
            child.started = time.monotonic()

    def _bury(self, child: _Child) -> None:
        assert child.pid is not None
        _kill_group(
            child.pid
        )  # Before it is reaped: only until then is its number certainly not a stranger's.
        status = process.reap(child.pid)
        if time.monotonic() - child.started > SETTLED_SECONDS:
            child.pause = FIRST_PAUSE_SECONDS
        child.pid, child.deaths = None, child.deaths + 1
        child.not_before = time.monotonic() + child.pause
        self._say(
            f"{child.process.name} ended with status {status}; starting it again in {child.pause:g} s "
            f"(see {self.log_of(child.process.name)})"
        )
        child.pause = min(child.pause * 2, LONGEST_PAUSE_SECONDS)

    def _end_all(self) -> None:
        leaders = [child.pid for child in self._children if child.pid is not None]
        for pid in leaders:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        running = leaders
        deadline = time.monotonic() + GRACE_SECONDS
        while running and time.monotonic() < deadline and not self._hurry.is_set():
            running = [pid for pid in running if not _has_ended(pid)]
            time.sleep(0.02)
        for pid in leaders:
            _kill_group(pid)
            process.reap(pid)
        for child in self._children:
            child.pid = None


def _has_ended(pid: int) -> bool:
    """Tell whether a child has ended, without collecting it: its number stays taken until it is reaped."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _kill_group(leader: int) -> None:
    """Kill a child and what it started; returns when none of them lives. The child itself is not reaped."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    process.wait_until(lambda: not process.group(leader), KILL_SECONDS)
