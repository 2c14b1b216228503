"""The first Ctrl-C (or TERM, or HUP) ends the stack in order; another one hurries."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Raises KeyboardInterrupt once; as soon as ``stopping`` is set, calls ``hurry`` instead."""

    def __init__(self) -> None:
        self.stopping = False
        self.hurry: Callable[[], None] = lambda: None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.stopping:
            self.hurry()
            return
        self.stopping = True
        raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Handle the stopping signals for the body of a ``with``. For the main thread."""
    interrupt = Interrupt()
    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
