"""A private PostgreSQL: initialised once, started durable, listening on the loopback interface alone.

It has no unix socket: those paths end at 107 bytes and a clone may lie deep.
"""

import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import psycopg2.extensions

from config.services import process
from config.services.postgres_binaries import Installation, installation
from config.services.postgres_user import RunAs, run_as
from config.services.process import ServiceError
from config.services.state import Server, write_private_text

VARIABLE = "DATABASE_URL"
PROGRAMS = ("postgres",)
STOP = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
READY_SECONDS = 120.0  # A server that was killed first replays its log.
DATABASE = "holdfast"
IMPOSSIBLE_PID = 4_194_305  # One more than Linux ever gives out.


def start(home: Path, log: Path, *, port: int, owner: str | None) -> Server:
    """Start it in ``home``, made first if need be. Raises ServiceError with the log's last words."""
    found = installation()
    home.mkdir(parents=True, exist_ok=True)
    identity = run_as(found.binaries / "postgres", home)
    _initialise(home, found, identity, log)
    data = home / "data"
    identity.give(data)
    _disown_recycled_pid(data)
    password = (home / "password").read_text(encoding="utf-8").strip()
    pid = process.spawn(
        [*identity.prefix, str(found.binaries / "postgres"), "-D", str(data), *_settings(port, found)],
        log=log,
        user=identity.user,
        die_with_parent=signal.SIGINT if owner is not None else None,
    )
    url = f"postgresql://{DATABASE}:{password}@127.0.0.1:{port}/{DATABASE}"
    server = Server(url=url, pid=pid, port=port, data_dir=str(data), proof=proof(home), owner=owner)

    def answered_or_ended() -> bool:
        return process.reap(pid) is not None or answers(_maintenance(url))

    if not process.wait_until(answered_or_ended, READY_SECONDS) or not server.is_running():
        process.stop(pid, server.proof, STOP)
        raise ServiceError(
            f"Postgres did not start; its data in {data} was kept. {log} ends with:{process.tail(log)}"
        )
    _create_database(url, found)
    return server


def find(home: Path) -> int | None:
    """Return the process that serves this directory, whatever the record says."""
    return process.find(PROGRAMS, proof(home))


def proof(home: Path) -> str:
    """Return the argument by which the process is recognised as ours."""
    return str(home / "data")


def answers(url: str) -> bool:
    """Tell whether the server at this URL lets us in within two seconds."""
    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


def home_in(local_dir: Path) -> Path:
    """Return the directory of the data: one per major version, since none reads another's files."""
    return local_dir / f"postgres-{installation().major}"


def _settings(port: int, found: Installation) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        # What the promises stand on, said aloud although these are the defaults.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if found.has_statement_statistics():
        settings["shared_preload_libraries"] = "pg_stat_statements"
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _initialise(home: Path, found: Installation, identity: RunAs, log: Path) -> None:
    """Make the data directory. It gets its name when it is complete: a killed start leaves no half of one."""
    if (home / "data").exists():
        return
    unfinished, password_file = home / "data.new", home / "initdb.password"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    password = secrets.token_hex(16)
    write_private_text(home / "password", password)
    write_private_text(password_file, password)
    identity.give(unfinished)
    identity.give(password_file)
    initdb = [*identity.prefix, str(found.binaries / "initdb"), "-D", str(unfinished), "-U", DATABASE]
    options = [
        "--no-locale",
        "--encoding=UTF8",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
        "--no-instructions",
    ]
    try:
        pid = process.spawn([*initdb, *options], log=log, user=identity.user, die_with_parent=signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
    finally:
        password_file.unlink()
    if status:
        raise ServiceError(
            f"A Postgres data directory could not be made in {home}. {log} ends with:{process.tail(log)}"
        )
    unfinished.rename(home / "data")


def _create_database(url: str, found: Installation) -> None:
    with _session(_maintenance(url)) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
        if cursor.fetchone():
            return
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    if found.has_statement_statistics():
        with _session(url) as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


@contextlib.contextmanager
def _session(url: str) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(url, connect_timeout=5)
    try:
        connection.autocommit = True  # CREATE DATABASE refuses to run in a transaction.
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _maintenance(url: str) -> str:
    return url.removesuffix(f"/{DATABASE}") + "/postgres"


def _disown_recycled_pid(data: Path) -> None:
    """Make a stale postmaster.pid harmless when its process id is a zombie's or some other program's by now.

    Postgres would refuse to start. The file itself stays: its shared memory key is how Postgres notices a
    backend that outlived its postmaster, and that protection must not go.
    """
    lock = data / "postmaster.pid"
    try:
        first, *rest = lock.read_text(encoding="utf-8").splitlines()
        if Path(f"/proc/{int(first)}").exists() and not process.is_ours(int(first), str(data)):
            lock.write_text("\n".join([str(IMPOSSIBLE_PID), *rest]) + "\n", encoding="utf-8")
    except (FileNotFoundError, ValueError):
        return
