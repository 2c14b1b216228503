"""How far a piece of work is, on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

PLAIN_LINES = 5


class _Speed(ProgressColumn):
    """Units a second, lately."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s", style="progress.data.speed")


@contextmanager
def progress(label: str, total: int, *, stream: TextIO | None = None) -> Iterator[Callable[[int], None]]:
    """Give a function that counts units as done; it may be called from any thread.

    ``label`` says what is done, such as "replaying turns".
    """
    console = Console(file=stream or sys.stderr)
    if not console.is_terminal:
        yield _Lines(label, total, stream or sys.stderr)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)


class _Lines:
    """A line for each fifth of the way."""

    def __init__(self, label: str, total: int, stream: TextIO) -> None:
        self._label, self._total, self._stream = label, total, stream
        self._lock = Lock()
        self._done = 0

    def __call__(self, count: int) -> None:
        with self._lock:
            before = self._done * PLAIN_LINES // max(1, self._total)
            self._done += count
            if self._done * PLAIN_LINES // max(1, self._total) > before:
                print(f"{self._label}: {self._done} of {self._total}", file=self._stream, flush=True)
