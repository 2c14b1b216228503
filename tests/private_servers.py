"""A throw-away server that a test may treat badly: kill, freeze, stop, start again on the same address."""

import contextlib
import os
import signal
from pathlib import Path
from types import ModuleType

from config.services import process
from config.services.state import Server


class PrivateServer:
    """Its own Postgres or Redis, out of its own directory. ``url`` stays the same over restarts."""

    def __init__(self, kind: ModuleType, home: Path) -> None:
        self._kind = kind
        self._home = home
        self._port = 0
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where it is, or was before it was stopped."""
        assert self._server is not None, "start() comes first"
        return self._server.url

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._server is not None, "start() comes first"
        return self._server.pid

    def start(self) -> None:
        """Start it, where it was before; returns when it answers."""
        owner = process.birth(os.getpid())
        with process.reserve_port(self._port) as reservation:
            self._port = reservation.getsockname()[1]
            log = self._home.with_suffix(".log")
            self._server = self._kind.start(self._home, log, port=self._port, owner=owner)

    def stop(self) -> None:
        """Stop it in order; nothing happens when it is stopped already."""
        if self._server is not None:
            self.resume()
            process.stop(self._server.pid, self._server.proof, self._kind.STOP)

    def kill(self) -> None:
        """End it with SIGKILL; returns when the process is gone."""
        process.stop(self.pid, self._proof(), [(signal.SIGKILL, 10)])

    def freeze(self) -> None:
        """Stop the clock for it and all its children: connections stay open, nothing answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after ``freeze()``."""
        self._signal_all(signal.SIGCONT)

    def _proof(self) -> str:
        assert self._server is not None
        return self._server.proof

    def _signal_all(self, number: signal.Signals) -> None:
        if process.is_ours(self.pid, self._proof()):
            for pid in [self.pid, *process.descendants(self.pid)]:
                with contextlib.suppress(ProcessLookupError):  # a backend whose client has just left
                    os.kill(pid, number)
