"""The embedded services on a bad day: killed, raced, robbed of their record or their port."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from config import services
from config.services import ServiceError, process, state
from tests.config.servicekit import pid_of, python, query, redis_client


@pytest.fixture
def running(local_dir: Path):
    """Both services, for the life of the test, which may harm them."""
    yield services.start(local_dir, own=True, environ={})
    services.stop(local_dir, mine_only=True)


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
