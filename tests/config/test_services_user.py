"""The same services for root, for an ordinary user, and for root where nobody else may enter."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg2
import pytest

from config import services
from config.services import process, state

ROOT = Path(__file__).resolve().parents[2]
SOMEBODY = 12345

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def _python(code: str, *arguments: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-B", "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
        **options,
    )


def _somebody_can_run_python() -> bool:
    """Root's own Python and clone may lie in a home that only root may enter."""
    if os.geteuid() != 0:
        return False
    try:
        with _python("import config.services", user=SOMEBODY, group=SOMEBODY, extra_groups=[]) as trial:
            trial.communicate()
    except OSError:
        return False
    return trial.returncode == 0


def works(url: str) -> bool:
    connection = psycopg2.connect(url)
    connection.close()
    return True


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


@as_root
def test_root_runs_postgres_as_nobody(local_dir):
    urls = services.start(local_dir, own=True, environ={})
    assert works(urls.database_url)
    assert owner_of(state.read(local_dir)["postgres"].pid) == 65534
    services.stop(local_dir)


@as_root
def test_root_has_a_way_where_nobody_may_enter(local_dir):
    home = local_dir / "a-home"
    home.mkdir(parents=True, mode=0o700)
    unshare = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "true"]
    if (
        shutil.which("unshare") is None
        or subprocess.run(unshare, check=False, capture_output=True).returncode
    ):
        pytest.skip("this machine allows no user namespaces")
    urls = services.start(home / "clone", own=True, environ={})
    assert works(urls.database_url)
    services.stop(home / "clone")

    # The door was opened since: nobody can enter, and the data of before is still the data.
    home.chmod(0o755)
    urls = services.start(home / "clone", own=True, environ={})
    assert works(urls.database_url)
    assert owner_of(state.read(home / "clone")["postgres"].pid) == 65534
    services.stop(home / "clone")


@as_root
def test_nothing_is_left_of_a_namespaced_postgres_when_its_owner_is_killed(local_dir):
    home = local_dir / "a-home"
    home.mkdir(parents=True, mode=0o700)
    owner = _python(
        """
        import sys, time
        from pathlib import Path
        from config import services
        services.start(Path(sys.argv[1]), own=True, environ={})
        print("started", flush=True)
        time.sleep(600)
        """,
        str(home / "clone"),
    )
    with owner:
        assert owner.stdout.readline() == "started\n"
        servers = state.read(home / "clone").values()
        owner.kill()
        owner.wait()
        assert process.wait_until(lambda: not any(server.is_running() for server in servers), 20)


@as_root
@pytest.mark.skipif(not _somebody_can_run_python(), reason="an ordinary user cannot reach this Python")
def test_an_ordinary_user_runs_both_as_himself(local_dir):
    home = local_dir / "somebodys"
    home.mkdir(parents=True)
    os.chown(home, SOMEBODY, SOMEBODY)
    code = """
        import sys
        from pathlib import Path
        from config import services
        from config.services import state
        directory = Path(sys.argv[1])
        services.start(directory, own=True, environ={})
        pids = [server.pid for server in state.read(directory).values()]
        print(sorted({Path(f"/proc/{pid}").stat().st_uid for pid in pids}))
        services.stop(directory)
        """
    with _python(code, str(home / "clone"), user=SOMEBODY, group=SOMEBODY, extra_groups=[]) as somebody:
        out, err = somebody.communicate()
    assert out == f"[{SOMEBODY}]\n", err


@as_root
@pytest.mark.skipif(not _somebody_can_run_python(), reason="an ordinary user cannot reach this Python")
def test_whose_directory_it_is_is_said_to_somebody_else(local_dir):
    services.start(local_dir, own=True, environ={})
    services.stop(local_dir)
    code = """
        import sys
        from pathlib import Path
        from config import services
        try:
            services.start(Path(sys.argv[1]), own=True, environ={})
        except services.ServiceError as error:
            print(error)
        """
    with _python(code, str(local_dir), user=SOMEBODY, group=SOMEBODY, extra_groups=[]) as somebody:
        out, err = somebody.communicate()
    assert "belongs to user 0" in out, err
    assert list(local_dir.glob("postgres-*/data")), "the data was left alone"
