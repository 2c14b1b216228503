"""Before the stack: one per directory, and settings that know the services."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from config import services
from config.services.state import make_local_dir
from config.stack.ready import StackError

BEGUN_AGAIN = "HOLDFAST_BEGUN_AGAIN"


def start_services(local_dir: Path) -> None:
    """Start Postgres and Redis for the life of this process and make sure the settings know them.

    Settings are read once, before any command runs, and much is derived from them. So when the servers were
    started just now, the process begins the very same command again; it stays the same process, and with it
    their owner. To be called first in a command, on the main thread. Raises ServiceError or StackError.
    """
    with only_one(local_dir):
        urls = services.start(local_dir, own=True)
    known = (settings.DATABASE_URL, settings.REDIS_URL)
    if known == (urls.database_url, urls.redis_url):
        os.environ.pop(BEGUN_AGAIN, None)
        return
    if BEGUN_AGAIN in os.environ:
        services.stop(local_dir, mine_only=True)
        raise StackError(
            "The settings do not name the services that run. Is HOLDFAST_LOCAL_DIR an absolute path?"
        )
    os.environ[BEGUN_AGAIN] = "1"
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606


@contextlib.contextmanager
def only_one(local_dir: Path) -> Iterator[None]:
    """Hold the stack's lock, which the kernel frees however this process ends. Raises StackError."""
    make_local_dir(local_dir)
    with (local_dir / "stack.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"A stack already runs out of {local_dir}; nothing was started. {local_dir / 'stack.json'} "
                "says where it is. End it first (Ctrl-C where it runs), or use it."
            ) from error
        yield
