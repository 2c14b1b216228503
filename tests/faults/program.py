"""One real process that an experiment starts and may treat badly. Everything goes by process id."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from config.services import process

GRACE_SECONDS = 30.0


class Program:
    """A process that leads a group of its own; what it starts is in that group."""

    def __init__(self, argv: Sequence[str], *, log: Path, environ: dict[str, str]) -> None:
        self.log = log
        self.pid = process.spawn(argv, log=log, environ=environ, die_with_parent=signal.SIGKILL)
        self._reaped = False

    @property
    def alive(self) -> bool:
        self._reaped = self._reaped or process.reap(self.pid) is not None
        return not self._reaped

    def kill(self) -> None:
        """End all of it with SIGKILL, frozen or not; returns when nothing is left."""
        if not self._reaped:  # its number is its own until it is reaped
            self._signal(signal.SIGKILL)
            process.wait_until(lambda: not self.alive, GRACE_SECONDS)
        assert process.wait_until(lambda: not process.group(self.pid), GRACE_SECONDS), self.pid

    def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        if self.alive:
            self.resume()
            os.kill(self.pid, signal.SIGTERM)
            process.wait_until(lambda: not self.alive, GRACE_SECONDS)
        self.kill()

    def freeze(self) -> None:
        """Stop its clock."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
