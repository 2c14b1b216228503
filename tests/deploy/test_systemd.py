"""What systemd itself says about the units, where it is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.files import UNITS, services

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    copy = tmp_path / "units"
    shutil.copytree(UNITS, copy)
    for name in services():
        # The programs must exist for the check; here they are this environment's.
        path = copy / name
        path.write_text(path.read_text().replace("/opt/holdfast/.venv/bin", str(Path(sys.executable).parent)))
    names = ["holdfast.target", *(name.replace("@.", "@archive.") for name in services())]
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{copy}:"}

    command = ["systemd-analyze", "verify", "--man=no", *names]
    done = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False)

    ours = [line for line in done.stderr.splitlines() if "holdfast" in line]
    assert not ours
    assert done.returncode == 0, done.stderr
