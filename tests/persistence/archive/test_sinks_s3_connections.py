"""The S3 sink's connections: prefixes, forks, addresses and names."""

import errno
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from persistence.archive.sinks import Sink, open_sink
from persistence.dial.resolver import Resolver
from tests.fakes.s3 import FakeS3
from tests.persistence.archive.sink_helpers import config, refused

REPOSITORY = Path(__file__).parents[3]


def test_a_prefix_in_the_url_is_part_of_the_store_and_not_of_the_keys(s3: FakeS3) -> None:
    inside, outside = open_sink(config(s3, url=f"s3://{s3.bucket}/a/b/")), open_sink(config(s3))
    outside.put_if_absent("a/c/1", b"other")
    inside.put_if_absent("turns/1", b"body")
    assert inside.location == f"s3://{s3.bucket}/a/b"
    assert [found.key for found in inside.list()] == ["turns/1"]
    assert sorted(s3.objects()) == ["a/b/turns/1", "a/c/1"]
    inside.close()
    outside.close()


def test_parent_and_child_of_a_fork_do_not_share_a_connection(s3: FakeS3) -> None:
    script = f"""
import os, sys
from persistence.archive.sinks import SinkConfig, open_sink
sink = open_sink(SinkConfig(url="s3://{s3.bucket}", endpoint="{s3.url}", region="auto",
                            access_key="{s3.access_key}", secret_key="{s3.secret_key}"))
sink.put_if_absent("before", b"x")
child = os.fork()
name = "parent" if child else "child"
try:
    for number in range(100):
        assert sink.put_if_absent(f"{{name}}/{{number}}", f"{{name}} {{number}}".encode())
        assert sink.get(f"{{name}}/{{number}}") == f"{{name}} {{number}}".encode()
except BaseException:
    import traceback
    traceback.print_exc()
    os._exit(1)
if not child:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(s3.objects()) == 201


def test_a_dead_address_of_a_host_is_passed_over_for_a_live_one(
    s3: FakeS3, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = ("127.0.0.1", int(s3.url.rpartition(":")[2]))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        both = [(socket.AF_INET, unused.getsockname()), (socket.AF_INET, live)]
        monkeypatch.setattr(Resolver, "addresses", lambda *_, **__: both)
        assert sink.put_if_absent("turns/1", b"body") is True


def test_an_address_that_swallows_packets_leaves_time_for_the_next(
    s3: FakeS3, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = ("127.0.0.1", int(s3.url.rpartition(":")[2]))
    with socket.socket() as full, socket.socket() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting.setblocking(False)
        assert waiting.connect_ex(full.getsockname()) in (0, errno.EINPROGRESS)  # fills the queue of one
        both = [(socket.AF_INET, full.getsockname()), (socket.AF_INET, live)]
        monkeypatch.setattr(Resolver, "addresses", lambda *_, **__: both)
        hurried = open_sink(config(s3, deadline_seconds=4))
        assert hurried.put_if_absent("turns/1", b"body") is True
        hurried.close()


def test_a_name_server_that_hangs_costs_one_thread_and_no_more_than_the_deadline(
    s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, asked, really = threading.Event(), [], socket.getaddrinfo

    def hang(*args: Any, **options: Any) -> Any:
        asked.append(args)
        answer.wait()
        return really("127.0.0.1", args[1], **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    sink = open_sink(config(s3, endpoint=s3.url.replace("127.0.0.1", "store.test"), deadline_seconds=0.2))
    try:
        for _ in range(3):
            error = refused(sink)
            assert (error.code, error.endpoint_down) == ("timeout", True)
        assert len(asked) == 1
    finally:
        answer.set()
    while any(thread.name == "resolver" for thread in threading.enumerate()):
        pass
    assert sink.put_if_absent("turns/1", b"body") is True
    sink.close()


def test_a_name_that_does_not_exist_is_unreachable(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    sink = open_sink(config(s3, endpoint="http://store.test"))
    error = refused(sink)
    sink.close()
    assert (error.code, error.endpoint_down) == ("unreachable", True)
    assert "store.test" in str(error)
