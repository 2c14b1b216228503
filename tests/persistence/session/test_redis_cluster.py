"""Every script runs on a server in cluster mode, which refuses one that touches keys of two slots."""

import signal
import subprocess
import time

import pytest
import redis

from config.services import process
from config.services.redis import _binary, answers
from persistence.session.redis import RedisStore
from tests.contracts.session_state.kit import Told
from tests.persistence.session.rediskit import LONG, copy_of


@pytest.fixture
def cluster(local_dir):
    """The URL of a cluster of one server, which has all the slots."""
    local_dir.mkdir()
    with process.reserve_port(0) as reservation:
        port = reservation.getsockname()[1]
        arguments = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(local_dir), "--save", ""]
        bus = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
        server = subprocess.Popen([_binary(), *arguments, *bus], stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    assert process.wait_until(lambda: answers(url), LONG)
    with redis.Redis.from_url(url) as raw:
        raw.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        assert process.wait_until(lambda: b"cluster_state:ok" in cluster_info(raw), LONG)
    yield url
    server.send_signal(signal.SIGKILL)
    server.wait()


def free_port() -> int:
    with process.reserve_port(0) as reservation:
        return int(reservation.getsockname()[1])


def cluster_info(raw: redis.Redis) -> bytes:
    found = raw.execute_command("CLUSTER INFO")
    return found if isinstance(found, bytes) else "".join(f"{k}:{v}\n" for k, v in found.items()).encode()


@pytest.mark.parametrize("stream", [False, True])
def test_a_cluster_takes_every_script(hot_at, cluster, stream):
    told = Told(RedisStore(hot_at(cluster, budget=LONG, rest=LONG), stream=stream))
    with told.store.subscribe(*told.name) as heard:
        first = told.put()
        second = told.put(expected_version=first.version)
        third = told.touch()
        cleared = told.clear(expected_version=third.version)
        versions = [heard.next(LONG).version for _ in range(4)]
    assert versions == [first.version, second.version, third.version, cleared]
    later = int(time.time() * 1000) + 60_000
    assert told.store.adopt([copy_of(told, later), copy_of(told, later + 1, cleared=True)]) == 2
    assert told.store.forget(iter([told.name])) == 1
