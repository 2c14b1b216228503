"""The embedded services on a good day: real servers out of a directory of their own."""

import stat
from pathlib import Path

import pytest

from config import services
from config.services import ServiceError, process
from tests.config.servicekit import pid_of, query, redis_client
from tests.services_plugin import scratch


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


def test_a_wrong_postgres_directory_is_named_in_the_error(local_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("POSTGRES_BIN_DIR", str(tmp_path))
    with pytest.raises(ServiceError, match="POSTGRES_BIN_DIR"):
        services.start(local_dir, own=True, environ={})
