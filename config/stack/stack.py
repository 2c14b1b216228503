"""``running_stack()``: everything from nothing to ready, and back to nothing whatever happens in between."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from config import services
from config.services import process, state
from config.services.lifecycle import Urls
from config.stack.accounts import DOMAIN, ensure_admin, ensure_key
from config.stack.begin import only_one
from config.stack.interrupt import interruptible
from config.stack.processes import process_table
from config.stack.ready import wait_until_ready
from config.stack.supervisor import Supervisor


@dataclass(frozen=True)
class Stack:
    """What scripts need to find their way: the content of ``.local/stack.json`` except the process ids."""

    api: str
    api_docs: str
    api_key: str
    domain: str
    admin: str
    admin_user: str
    admin_password: str
    flower: str
    flower_user: str
    flower_password: str
    database_url: str
    redis_url: str
    archive: str
    logs: str


@contextlib.contextmanager
def running_stack(local_dir: Path, *, say: Callable[[str], None]) -> Iterator[Stack]:
    """Run the whole stack for the body of a ``with``, after ``start_services()``; ``say`` gets the events.

    1. lock, 2. services, 3. tables, login and key, 4. processes, 5. wait until ready, 6. stack.json, 7. the
    body; then all of it backwards. SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt in the body; another
    one while stopping kills what still runs. For the main thread. Raises StackError, ServiceError.
    """
    with (
        only_one(local_dir),
        interruptible() as interrupt,
        process.reserve_port() as web,
        process.reserve_port() as flower,
    ):
        supervisor = None
        try:
            urls = services.start(local_dir, own=True)
            call_command("migrate", interactive=False, verbosity=0)
            stack = _prepare(local_dir, urls, web.getsockname()[1], flower.getsockname()[1])
            connections.close_all()
            supervisor = _supervise(local_dir, stack, say)
            interrupt.hurry = supervisor.hurry
            wait_until_ready(supervisor, stack.api)
            _publish(local_dir, stack, supervisor)
            yield stack
        finally:
            interrupt.stopping = True
            if supervisor is not None:
                say("Stopping: what is under way is finished first; Ctrl-C again ends it at once.")
                supervisor.stop()
            (local_dir / "stack.json").unlink(missing_ok=True)
            services.stop(local_dir, mine_only=True)


def _prepare(local_dir: Path, urls: Urls, web_port: int, flower_port: int) -> Stack:
    user, password = ensure_admin(local_dir)
    api = f"http://127.0.0.1:{web_port}"
    return Stack(
        api=api,
        api_docs=f"{api}/api/docs",
        api_key=ensure_key(local_dir),
        domain=DOMAIN,
        admin=f"{api}/admin/",
        admin_user=user,
        admin_password=password,
        flower=f"http://127.0.0.1:{flower_port}",
        flower_user=user,
        # Flower's door is never left open, not even when the admin's password is unknown here.
        flower_password=password or secrets.token_urlsafe(15),
        database_url=urls.database_url,
        redis_url=urls.redis_url,
        archive=settings.ARCHIVE_URL,
        logs=str(local_dir / "log"),
    )


def _supervise(local_dir: Path, stack: Stack, say: Callable[[str], None]) -> Supervisor:
    """Start the processes. Once a second their services are looked after, and stack.json once it is there."""
    table = process_table(
        web_port=int(stack.api.rpartition(":")[2]),
        flower_port=int(stack.flower.rpartition(":")[2]),
        login=(stack.flower_user, stack.flower_password),
        schedule_file=str(_fresh(local_dir / "beat") / "schedule"),
        environ=_environ(local_dir, stack),
    )

    def each_second() -> None:
        for name in services.revive(local_dir):
            say(f"{name} had ended and was started again; its data is what it had committed")
        if (local_dir / "stack.json").exists():
            _publish(local_dir, stack, supervisor)

    supervisor = Supervisor(table, local_dir / "log", say=say, each_second=each_second)
    supervisor.start()
    return supervisor


def _environ(local_dir: Path, stack: Stack) -> dict[str, str]:
    # A URL and a file with a URL at once would be refused.
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_URL_FILE")}
    return inherited | {
        "DATABASE_URL": stack.database_url,
        "REDIS_URL": stack.redis_url,
        "HOLDFAST_DEVELOPMENT": "1" if settings.DEVELOPMENT else "0",
        "HOLDFAST_LOCAL_DIR": str(local_dir),
        "PROMETHEUS_MULTIPROC_DIR": str(_fresh(local_dir / "metrics")),
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONUNBUFFERED": "1",
    }


def _publish(local_dir: Path, stack: Stack, supervisor: Supervisor) -> None:
    """Write stack.json with the process ids of this moment."""
    servers = {name: [server.pid] for name, server in state.read(local_dir).items() if server.is_running()}
    pids = supervisor.pids() | servers | {"supervisor": [os.getpid()]}
    state.write_private_json(local_dir / "stack.json", asdict(stack) | {"pids": pids})


def _fresh(directory: Path) -> Path:
    """Return the directory, empty: metrics and schedules of an earlier run would only lie."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory
