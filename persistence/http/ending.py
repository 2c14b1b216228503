"""Has this process been told to stop? Answers that go on for minutes ask, and end.

The web server says so (``config.serving``); under any other server nobody does, and nothing is ever stopping.
"""

from collections.abc import Callable


def _never() -> bool:
    return False


_told: Callable[[], bool] = _never


def ends_when(told: Callable[[], bool]) -> None:
    """Ask ``told`` from now on. Called once in each process of the web server."""
    global _told
    _told = told


def is_ending() -> bool:
    """Say whether the process has been told to stop."""
    return _told()
