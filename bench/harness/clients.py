"""Clients in processes of their own, each ready before the clock starts."""

import contextlib
import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

import django
from django.utils.module_loading import import_string

from bench.harness.result import BenchError

# Not fork: a child must not share its parent's database connections and threads.
_processes = multiprocessing.get_context("spawn")


class Client:
    """A process that has made ``work(**arguments)`` and calls it again and again, as it is ordered to."""

    def __init__(self, work: str, environ: Mapping[str, str], arguments: Mapping[str, Any]) -> None:
        """``work`` is the dotted path of a callable that returns a callable."""
        self._pipe, theirs = _processes.Pipe()
        self._process = _processes.Process(
            target=serve, args=(theirs, work, dict(environ), dict(arguments)), name=work, daemon=True
        )
        self._process.start()
        theirs.close()

    def begin(self, **order: Any) -> None:
        """Order one call, and return at once."""
        self._pipe.send(order)

    def has_answered(self, seconds: float) -> bool:
        """Wait so long at most for the call to end, and say whether it has."""
        return self._pipe.poll(seconds)

    def result(self) -> Any:
        """Return what the call returned. Raises BenchError with the client's own traceback."""
        try:
            succeeded, found = self._pipe.recv()
        except EOFError as error:
            raise BenchError(f"The client {self._process.name} ended before it answered.") from error
        if not succeeded:
            raise BenchError(found)
        return found

    def close(self) -> None:
        """End the process: it reads the end of its orders."""
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


@contextlib.contextmanager
def clients(
    work: str, arguments: Sequence[Mapping[str, Any]], environ: Mapping[str, str] | None = None
) -> Iterator[list[Client]]:
    """Give one client for each set of arguments, all of them ready."""
    started: list[Client] = []
    try:
        for given in arguments:
            started.append(Client(work, environ or {}, given))
        for client in started:
            client.result()
        yield started
    finally:
        for client in started:
            client.close()


def together(group: Sequence[Client], **order: Any) -> list[float]:
    """Let all of them work at the same time, and return their samples as one list."""
    for client in group:
        client.begin(**order)
    return [sample for client in group for sample in client.result()]


def serve(orders: Connection, work: str, environ: dict[str, str], arguments: dict[str, Any]) -> None:
    """What a client's process does; it ends when its parent is gone, in whatever way."""
    os.environ |= environ
    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            django.setup()
            call: Callable[..., Any] = import_string(work)(**arguments)
        except Exception:
            orders.send((False, traceback.format_exc()))
            return
        orders.send((True, None))
        while True:
            orders.send(_answer(call, orders.recv()))


def _answer(call: Callable[..., Any], order: dict[str, Any]) -> tuple[bool, Any]:
    try:
        return True, call(**order)
    except Exception:
        return False, traceback.format_exc()
