"""What runs, as ``.local/services.json`` remembers it and /proc confirms it."""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from config.services import process
from config.services.process import ServiceError


@dataclass(frozen=True)
class Server:
    """One embedded server. ``owner`` is the birth of the process it lives for; None: until stopped."""

    url: str
    pid: int
    port: int
    data_dir: str
    proof: str
    owner: str | None

    def is_running(self) -> bool:
        """Tell whether the recorded process is alive and still the one that was recorded."""
        return process.is_ours(self.pid, self.proof)

    def is_orphaned(self) -> bool:
        """Tell whether it was started for the life of a process that is gone."""
        return self.owner is not None and not process.still_lives(self.owner)

    def is_mine(self) -> bool:
        """Tell whether it lives for this very process."""
        return self.owner is not None and self.owner == process.birth(os.getpid())


def read(local_dir: Path) -> dict[str, Server]:
    """Return the recorded servers by name, running or not; empty when there is no readable record."""
    try:
        recorded = json.loads((local_dir / "services.json").read_text(encoding="utf-8"))
        return {name: Server(**server) for name, server in recorded.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write(local_dir: Path, servers: dict[str, Server]) -> None:
    """Replace the record."""
    write_private_json(
        local_dir / "services.json", {name: asdict(server) for name, server in servers.items()}
    )


def local_urls(local_dir: Path) -> dict[str, str]:
    """Return ``database_url`` and ``redis_url`` of the embedded servers that run now. Starts nothing."""
    names = {"postgres": "database_url", "redis": "redis_url"}
    return {names[name]: server.url for name, server in read(local_dir).items() if server.is_running()}


def write_private_json(path: Path, value: Any) -> None:
    """Write a file for its owner alone, in one step: a reader sees the old content or the new."""
    write_private_text(path, json.dumps(value, indent=2) + "\n")


def write_private_text(path: Path, text: str) -> None:
    """The same for plain text."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp gives mode 0600.
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def make_local_dir(local_dir: Path) -> None:
    """Create the directory, or say plainly whose it is."""
    try:
        local_dir.mkdir(parents=True, exist_ok=True)
        # Root's Postgres runs as nobody, who must be able to pass through; every file in it has a mode of
        # its own.
        if local_dir.stat().st_uid == os.geteuid():
            local_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise ServiceError(
            f"{local_dir} cannot be made: {error}. Set HOLDFAST_LOCAL_DIR to a directory of yours."
        ) from error
    refuse_a_strangers_dir(local_dir)


def refuse_a_strangers_dir(local_dir: Path) -> None:
    """Raise ServiceError when the directory is there and not ours to use."""
    if local_dir.exists() and not os.access(local_dir, os.R_OK | os.W_OK | os.X_OK):
        raise ServiceError(
            f"{local_dir} belongs to user {local_dir.stat().st_uid} and you are user {os.geteuid()}: "
            "somebody else ran this copy before. Their data was left alone. Run as that user, or let them "
            "remove the directory, or set HOLDFAST_LOCAL_DIR to a directory of yours."
        )


@contextlib.contextmanager
def locked(local_dir: Path) -> Iterator[None]:
    """Hold the directory's lock, so that two starts at once become one after the other."""
    make_local_dir(local_dir)
    with (local_dir / "services.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
