"""As whom Postgres runs, since it refuses to run as root.

An ordinary user runs it as himself. Root runs it as ``nobody``; where nobody cannot reach the programs or
the data (a clone under a home that only root may enter), root runs it in a user namespace, where he is
called nobody too. So does a user without a name (a container started with a bare number), whom initdb
refuses.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config.services.process import ServiceError

NOBODY = 65534
NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


@dataclass(frozen=True)
class RunAs:
    """Whom to become (None: stay), the command to put in front, and whose the data must be."""

    user: int | None
    prefix: tuple[str, ...]
    owner: int

    def give(self, path: Path) -> None:
        """Hand a file, or a directory and all in it, to whoever will run, if it is not his already."""
        if os.geteuid() != 0 or path.stat().st_uid == self.owner:
            return
        for directory, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(directory) / name, self.owner, self.owner, follow_symlinks=False)
        os.chown(path, self.owner, self.owner)


def run_as(program: Path, home: Path) -> RunAs:
    """Return how to run this program on data below ``home``. Raises ServiceError when there is no way."""
    user = os.geteuid()
    if user != 0 and _has_a_name(user):
        return RunAs(user=None, prefix=(), owner=user)
    if user == 0:
        home.chmod(0o711)
        if _nobody_can(program, home):
            return RunAs(user=NOBODY, prefix=(), owner=NOBODY)
    if _succeeds([*NAMESPACE, str(program), "--version"]):
        unshare = shutil.which(NAMESPACE[0]) or NAMESPACE[0]
        return RunAs(user=None, prefix=(unshare, *NAMESPACE[1:]), owner=user)
    reason = (
        f"Postgres refuses to run as root, and user nobody cannot reach {program} and {home}"
        if user == 0
        else f"Postgres needs a user with a name, and user {user} is not in the password file"
    )
    raise ServiceError(
        f"{reason}; this machine allows no user namespaces to help it. Run as an ordinary user, or clone "
        "to a place that everybody may enter, or set DATABASE_URL to a server of yours."
    )


def _has_a_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _nobody_can(program: Path, home: Path) -> bool:
    reach = _succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", str(home)], user=NOBODY)
    return reach and _succeeds([str(program), "--version"], user=NOBODY)


def _succeeds(command: list[str], user: int | None = None) -> bool:
    try:
        become = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        done = subprocess.run(command, capture_output=True, cwd="/", **become)  # type: ignore[call-overload]
    except OSError:
        return False
    return bool(done.returncode == 0)
