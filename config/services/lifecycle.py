"""Start, stop, look at and delete the embedded services, one locked step at a time.

A server lives either until it is stopped (``services start``) or for the process that started it (``up``,
``demo``, tests): then it records that process as its owner, and the kernel stops it when the owner dies in
whatever way.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from config.services import postgres, process, redis, state
from config.services.process import ServiceError
from config.services.state import Server

KINDS: dict[str, ModuleType] = {"postgres": postgres, "redis": redis}
ATTEMPTS = 5
GONE_SECONDS = 5.0  # in which the kernel clears up after a process that was killed


@dataclass(frozen=True)
class Urls:
    """Where the two services are, embedded or not."""

    database_url: str
    redis_url: str


@dataclass(frozen=True)
class Status:
    """One service. An external one has no ``pid`` and ``data_dir``: it is only asked whether it answers."""

    running: bool
    url: str | None
    pid: int | None
    data_dir: str | None
    external: bool
    owned: bool


def start(local_dir: Path, *, own: bool = False, environ: Mapping[str, str] = os.environ) -> Urls:
    """Make both services run and return where they are; servers that already run are used as they are.

    With ``own`` what has to be started lives for this process: call from a thread that lasts as long. A
    server on the way from earlier (its owner was killed) is stopped first, and the data is kept in every
    case. Raises ServiceError.
    """
    urls: dict[str, str] = {}
    with state.locked(local_dir):
        servers = state.read(local_dir)
        for name, kind in KINDS.items():
            if external := external_url(name, environ):
                urls[name] = external
                continue
            server = _ensure(name, kind, local_dir, servers.get(name), own=own)
            urls[name] = server.url
            servers[name] = server
            state.write(local_dir, servers)
    return Urls(database_url=urls["postgres"], redis_url=urls["redis"])


def stop(local_dir: Path, *, mine_only: bool = False) -> list[str]:
    """Stop what runs and return the names; with ``mine_only``, only what this process owns.

    Raises ServiceError, before anything is stopped, when one lives for another process that is still at work.
    """
    with state.locked(local_dir):
        return _stop(local_dir, mine_only=mine_only)


def revive(local_dir: Path) -> list[str]:
    """Start again, where it was, what died of this process's own servers; return the names."""
    dead = [
        name for name, server in state.read(local_dir).items() if server.is_mine() and not server.is_running()
    ]
    with state.locked(local_dir):
        servers = state.read(local_dir)
        for name in dead:
            process.collect(servers[name].pid, GONE_SECONDS)
            servers[name] = _ensure(name, KINDS[name], local_dir, servers[name], own=True)
            state.write(local_dir, servers)
    return dead


def reset(local_dir: Path) -> list[str]:
    """Stop the embedded services and delete their data, not the archive; return what is gone."""
    with state.locked(local_dir):
        _stop(local_dir, mine_only=False)
        homes = [path for path in (*local_dir.glob("postgres-*"), local_dir / "redis") if path.is_dir()]
        for home in homes:
            shutil.rmtree(home)
        (local_dir / "services.json").unlink(missing_ok=True)
    return [str(home) for home in homes]


def status(local_dir: Path, *, environ: Mapping[str, str] = os.environ) -> dict[str, Status]:
    """Return what runs, by name. An external service counts as running when it answers within two seconds."""
    state.refuse_a_strangers_dir(local_dir)
    servers = state.read(local_dir)
    return {name: _status(name, kind, servers.get(name), environ) for name, kind in KINDS.items()}


def external_url(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the URL the environment names for a service, directly or by ``<NAME>_FILE``, or nothing."""
    variable = KINDS[name].VARIABLE
    path = environ.get(f"{variable}_FILE", "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else environ.get(variable, "").strip()
    except OSError as error:
        raise ServiceError(f"{variable}_FILE points at {path!r}, which cannot be read: {error}.") from error


def _status(name: str, kind: ModuleType, server: Server | None, environ: Mapping[str, str]) -> Status:
    if external := external_url(name, environ):
        return Status(kind.answers(external), external, None, None, external=True, owned=False)
    if server is None or not server.is_running():
        data_dir = server.data_dir if server else None
        return Status(False, None, None, data_dir, external=False, owned=False)
    owned = server.owner is not None
    return Status(True, server.url, server.pid, server.data_dir, external=False, owned=owned)


def _ensure(name: str, kind: ModuleType, local_dir: Path, recorded: Server | None, *, own: bool) -> Server:
    if recorded and recorded.is_running():
        if not recorded.is_orphaned():
            if not kind.answers(recorded.url):
                raise ServiceError(
                    f"{name} runs (process {recorded.pid}) but does not answer. It was left alone; "
                    f"see {_log(local_dir, name)}, and `manage.py services stop` ends it."
                )
            return recorded
        process.stop(recorded.pid, recorded.proof, kind.STOP)
    home = kind.home_in(local_dir)
    if (unrecorded := kind.find(home)) is not None:
        process.stop(unrecorded, kind.proof(home), kind.STOP)
    owner = process.birth(os.getpid()) if own else None
    return _start_on_a_free_port(name, kind, local_dir, recorded.port if recorded else 0, owner)


def _start_on_a_free_port(
    name: str, kind: ModuleType, local_dir: Path, preferred: int, owner: str | None
) -> Server:
    """Start it on the port it had, so that clients find it again, or on another when that is taken."""
    for attempt in range(ATTEMPTS):
        with process.reserve_port(0 if attempt else preferred) as reservation:
            try:
                server: Server = kind.start(
                    kind.home_in(local_dir),
                    _log(local_dir, name),
                    port=reservation.getsockname()[1],
                    owner=owner,
                )
            except ServiceError as error:
                in_the_way = ("Address already in use", "pre-existing shared memory block")
                if attempt == ATTEMPTS - 1 or not any(text in str(error) for text in in_the_way):
                    raise
            else:
                return server
    raise AssertionError("unreachable")


def _stop(local_dir: Path, *, mine_only: bool) -> list[str]:
    servers = state.read(local_dir)
    running = {name: server for name, server in servers.items() if server.is_running()}
    if mine_only:
        running = {name: server for name, server in running.items() if server.is_mine()}
    for name, server in running.items():
        if server.owner and not server.is_mine() and not server.is_orphaned():
            raise ServiceError(
                f"{name} belongs to a running stack (process {server.owner.partition(':')[0]}); nothing was "
                "stopped. End that one (Ctrl-C where `make up` runs) and it stops its services."
            )
    for name, server in reversed(running.items()):
        process.stop(server.pid, server.proof, KINDS[name].STOP)
    return list(running)


def _log(local_dir: Path, name: str) -> Path:
    return local_dir / "log" / f"{name}.log"
