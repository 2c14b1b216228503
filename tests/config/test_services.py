"""The embedded services: real servers out of a directory of their own."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psycopg2
import pytest
from redis import Redis

from config import services
from config.services import ServiceError, process, state
from tests.services_plugin import scratch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shared_dir():
    """A directory with both services running, for tests that only look."""
    directory = scratch() / "looked-at"
    services.start(directory, own=True, environ={})
    yield directory
    services.stop(directory, mine_only=True)


@pytest.fixture
def looked_at(shared_dir: Path) -> services.Urls:
    """The URLs of the shared pair."""
    return services.Urls(**services.local_urls(shared_dir))


@pytest.fixture
def running(local_dir: Path):
    """Both services, for the life of the test, which may harm them."""
    yield services.start(local_dir, own=True, environ={})
    services.stop(local_dir, mine_only=True)


def query(url: str, sql: str) -> str:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0] if cursor.description else ""
    finally:
        connection.close()


def redis_client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=5)


def pid_of(local_dir: Path, name: str) -> int:
    return state.read(local_dir)[name].pid


def python(code: str, *arguments: str, **options) -> subprocess.Popen:
    """Another process with this repository on its path and no servers named in its environment."""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_postgres_is_durable_and_speaks_utf8_in_one_collation_everywhere(looked_at):
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert query(looked_at.database_url, f"SHOW {setting}") == "on"
    assert query(looked_at.database_url, "SHOW server_encoding") == "UTF8"
    sql = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
    assert query(looked_at.database_url, sql) == "C"


def test_nobody_enters_without_the_password(looked_at):
    for url in (looked_at.database_url, looked_at.redis_url):
        secret = url.partition("@")[0].rpartition(":")[2]
        with pytest.raises(Exception, match=r"authentication|invalid username-password"):
            wrong = url.replace(secret, "wrong")
            query(wrong, "SELECT 1") if wrong.startswith("postgres") else redis_client(wrong).ping()


def test_neither_service_listens_beyond_the_loopback_interface(looked_at, shared_dir):
    assert query(looked_at.database_url, "SHOW listen_addresses") == "127.0.0.1"
    assert query(looked_at.database_url, "SHOW unix_socket_directories") == ""
    with redis_client(looked_at.redis_url) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_what_was_stored_is_there_after_stop_and_start(local_dir):
    first = services.start(local_dir, own=True, environ={})
    query(first.database_url, "CREATE TABLE kept AS SELECT 'yes'::text AS word")
    with redis_client(first.redis_url) as client:
        client.set("kept", "yes")
    assert services.stop(local_dir) == ["postgres", "redis"]
    assert services.local_urls(local_dir) == {}

    second = services.start(local_dir, own=True, environ={})
    assert query(second.database_url, "SELECT word FROM kept") == "yes"
    with redis_client(second.redis_url) as client:
        assert client.get("kept") == b"yes"
    services.stop(local_dir)


def test_starting_twice_uses_the_servers_that_run(looked_at, shared_dir):
    before = pid_of(shared_dir, "postgres"), pid_of(shared_dir, "redis")
    assert services.start(shared_dir, own=True, environ={}) == looked_at
    assert (pid_of(shared_dir, "postgres"), pid_of(shared_dir, "redis")) == before


def test_the_record_is_private_and_names_the_urls(looked_at, shared_dir):
    assert stat.S_IMODE((shared_dir / "services.json").stat().st_mode) == 0o600
    urls = {"database_url": looked_at.database_url, "redis_url": looked_at.redis_url}
    assert services.local_urls(shared_dir) == urls


def test_a_killed_postgres_comes_back_where_it_was_with_all_it_had_committed(running, local_dir):
    query(running.database_url, "CREATE TABLE committed AS SELECT 'yes'::text AS word")
    os.kill(pid_of(local_dir, "postgres"), signal.SIGKILL)
    assert process.wait_until(lambda: "database_url" not in services.local_urls(local_dir), 10)

    assert services.revive(local_dir) == ["postgres"]
    assert query(running.database_url, "SELECT word FROM committed") == "yes"


def test_a_killed_redis_comes_back_where_it_was(running, local_dir):
    with redis_client(running.redis_url) as client:
        client.set("kept", "yes")
        os.kill(pid_of(local_dir, "redis"), signal.SIGKILL)
        assert process.wait_until(lambda: "redis_url" not in services.local_urls(local_dir), 10)
        assert services.revive(local_dir) == ["redis"]
        client.connection_pool.disconnect()
        assert client.get("kept") == b"yes"


def test_two_starts_at_once_agree_on_one_pair_of_servers(local_dir):
    found: list[services.Urls] = []
    # Threads that outlive the servers, since a server dies with the thread that started it.
    done = threading.Event()

    def start() -> None:
        found.append(services.start(local_dir, own=True, environ={}))
        done.wait()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert process.wait_until(lambda: len(found) == 2, 60)
    services.stop(local_dir)
    done.set()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]


def test_a_server_named_in_the_environment_is_used_and_never_touched(looked_at, shared_dir, local_dir):
    environ = {"DATABASE_URL": looked_at.database_url, "REDIS_URL": looked_at.redis_url}
    elsewhere = local_dir / "elsewhere"
    assert services.start(elsewhere, own=True, environ=environ) == looked_at
    assert all(
        found.external and found.running for found in services.status(elsewhere, environ=environ).values()
    )

    assert services.stop(elsewhere) == []
    assert services.reset(elsewhere) == []
    assert set(services.local_urls(shared_dir)) == {"database_url", "redis_url"}


def test_a_url_may_come_from_a_file(looked_at, local_dir, tmp_path):
    secret = tmp_path / "url"
    secret.write_text(looked_at.redis_url + "\n")
    environ = {"DATABASE_URL": looked_at.database_url, "REDIS_URL_FILE": str(secret)}
    assert services.start(local_dir / "elsewhere", environ=environ).redis_url == looked_at.redis_url


def test_an_external_server_that_does_not_answer_is_reported_as_down(local_dir):
    with process.reserve_port() as nobody_listens:
        url = f"redis://127.0.0.1:{nobody_listens.getsockname()[1]}/0"
        assert not services.status(local_dir, environ={"REDIS_URL": url})["redis"].running


def test_nothing_is_left_when_the_owner_is_killed(local_dir):
    owner = python(
        """
        import sys, time
        from pathlib import Path
        from config import services
        services.start(Path(sys.argv[1]), own=True, environ={})
        print("started", flush=True)
        time.sleep(600)
        """,
        str(local_dir),
    )
    with owner:
        assert owner.stdout.readline() == "started\n"
        servers = state.read(local_dir).values()
        assert len(servers) == 2
        owner.kill()
        owner.wait()
        assert process.wait_until(lambda: not any(server.is_running() for server in servers), 20)


def test_servers_in_the_background_outlive_their_starter_until_they_are_stopped(local_dir):
    code = """
        import sys
        from pathlib import Path
        from config import services
        services.start(Path(sys.argv[1]), environ={})
        """
    with python(code, str(local_dir)) as starter:
        assert starter.wait() == 0, starter.stderr.read()
    found = services.status(local_dir, environ={})
    assert all(service.running and not service.owned for service in found.values())
    services.stop(local_dir, mine_only=True)
    assert len(services.local_urls(local_dir)) == 2, "they are nobody's, so they stay"
    assert services.stop(local_dir) == ["postgres", "redis"]


def test_servers_of_another_living_process_are_not_stopped(local_dir):
    code = """
        import sys
        from pathlib import Path
        from config import services
        services.start(Path(sys.argv[1]), own=True, environ={})
        print("started", flush=True)
        sys.stdin.read()
        """
    with python(code, str(local_dir), stdin=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == "started\n"
        with pytest.raises(ServiceError, match="belongs to a running stack"):
            services.stop(local_dir)
        assert len(services.local_urls(local_dir)) == 2
        owner.stdin.close()
        owner.wait()


def test_a_record_from_before_a_reboot_is_not_believed(local_dir):
    """The recorded numbers now belong to others; here, to a process that must survive all of this."""
    services.start(local_dir, own=True, environ={})
    query_urls = services.local_urls(local_dir)
    query(query_urls["database_url"], "CREATE TABLE kept AS SELECT 'yes'::text AS word")
    for server in state.read(local_dir).values():
        os.kill(server.pid, signal.SIGKILL)
    assert process.wait_until(lambda: not services.local_urls(local_dir), 10)
    with subprocess.Popen(["sleep", "600"], user=65534 if os.geteuid() == 0 else None) as stranger:
        record = json.loads((local_dir / "services.json").read_text())
        for server in record.values():
            server["pid"] = stranger.pid
        (local_dir / "services.json").write_text(json.dumps(record))
        lock = next(local_dir.glob("postgres-*/data/postmaster.pid"))
        lock.write_text("\n".join([str(stranger.pid), *lock.read_text().splitlines()[1:]]) + "\n")

        assert services.local_urls(local_dir) == {}
        assert services.stop(local_dir) == []
        urls = services.start(local_dir, own=True, environ={})
        assert query(urls.database_url, "SELECT word FROM kept") == "yes"
        services.stop(local_dir)
        assert stranger.poll() is None
        stranger.kill()


def test_servers_without_a_record_are_found_and_replaced(running, local_dir):
    (local_dir / "services.json").unlink()
    urls = services.start(local_dir, own=True, environ={})
    assert query(urls.database_url, "SELECT 'here'::text") == "here"
    with redis_client(urls.redis_url) as client:
        assert client.ping()


def test_a_taken_port_is_left_to_whoever_has_it(local_dir):
    first = services.start(local_dir, own=True, environ={})
    ports = [server.port for server in state.read(local_dir).values()]
    services.stop(local_dir)
    strangers = [process.reserve_port(port) for port in ports]
    try:
        for stranger in strangers:
            stranger.listen()
        second = services.start(local_dir, own=True, environ={})
    finally:
        for stranger in strangers:
            stranger.close()
    assert second.database_url != first.database_url
    assert second.redis_url != first.redis_url
    services.stop(local_dir)


def test_reset_deletes_the_data_and_the_next_start_is_empty(local_dir):
    urls = services.start(local_dir, own=True, environ={})
    query(urls.database_url, "CREATE TABLE gone (id int)")
    assert len(services.reset(local_dir)) == 2
    urls = services.start(local_dir, own=True, environ={})
    assert query(urls.database_url, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'gone'") == "0"
    services.stop(local_dir)


def test_a_deep_path_with_spaces_is_no_obstacle(local_dir):
    deep = local_dir / ("a rather long name, " * 5) / ("and another ünusual one, " * 5)
    urls = services.start(deep, own=True, environ={})
    assert query(urls.database_url, "SELECT 'here'::text") == "here"
    with redis_client(urls.redis_url) as client:
        assert client.ping()
    assert services.stop(deep) == ["postgres", "redis"]


def test_a_start_that_was_killed_while_making_the_database_is_no_obstacle(local_dir):
    unfinished = local_dir / "postgres-18" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("half")
    urls = services.start(local_dir, own=True, environ={})
    assert query(urls.database_url, "SELECT 'here'::text") == "here"
    services.stop(local_dir)


def test_a_server_that_cannot_start_says_why_and_keeps_the_data(local_dir):
    services.start(local_dir, own=True, environ={})
    services.stop(local_dir)
    data = next(local_dir.glob("postgres-*/data"))
    (data / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(ServiceError, match=r"(?s)was kept.*unrecognized configuration parameter"):
        services.start(local_dir, own=True, environ={})
    assert (data / "PG_VERSION").exists()
    services.stop(local_dir)


def test_a_wrong_postgres_directory_is_named_in_the_error(local_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("POSTGRES_BIN_DIR", str(tmp_path))
    with pytest.raises(ServiceError, match="POSTGRES_BIN_DIR"):
        services.start(local_dir, own=True, environ={})
