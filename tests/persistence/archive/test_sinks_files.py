"""The directory sink: what survives a kill and a crash."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from persistence.archive.sinks import ObjectDiffers, SinkConfig, SinkError
from persistence.archive.sinks.files import ABANDONED_AFTER_SECONDS, STAGING, FileSink
from tests.persistence.archive.sink_helpers import FailingSink

REPOSITORY = Path(__file__).parents[3]


class ListeningSink(FileSink):
    """Notes each durable step, in order."""

    def __init__(self, config: SinkConfig) -> None:
        self.steps: list[str] = []
        super().__init__(config)

    def _flush_file(self, descriptor: int) -> None:
        super()._flush_file(descriptor)
        self.steps.append(f"flush file of {os.fstat(descriptor).st_size} bytes")

    def _flush_directory(self, descriptor: int) -> None:
        super()._flush_directory(descriptor)
        self.steps.append(f"flush {Path(f'/proc/self/fd/{descriptor}').resolve().name}/")

    def _link(self, staging: int, temporary: str, directory: int, name: str) -> bool:
        written = super()._link(staging, temporary, directory, name)
        self.steps.append(f"link {name}" if written else f"found {name}")
        return written


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def sink(root: Path) -> FileSink:
    return FileSink(config(root))


def config(root: Path) -> SinkConfig:
    return SinkConfig(url=root.as_uri())


def keys(sink: FileSink) -> list[str]:
    return [found.key for found in sink.list()]


def staged(root: Path) -> list[str]:
    return sorted(path.name for path in (root / STAGING).iterdir())


def test_the_file_is_flushed_before_it_gets_its_name_and_the_directory_after(root: Path) -> None:
    sink = ListeningSink(config(root))
    sink.put_if_absent("turns/1", b"first")
    sink.steps.clear()
    sink.put_if_absent("turns/2", b"second")
    assert sink.steps == ["flush file of 6 bytes", "link 2", "flush turns/"]


def test_new_directories_are_flushed_into_their_parents_before_anything_is_put_in(root: Path) -> None:
    sink = ListeningSink(config(root))
    sink.put_if_absent("turns/aa/1", b"first")
    before_link = sink.steps[: sink.steps.index("link 1")]
    assert before_link[:3] == [f"flush {root.parent.name}/", "flush archive/", "flush turns/"]
    assert sink.steps[-1] == "flush aa/"


def test_a_directory_somebody_else_made_is_flushed_into_its_parent_once(root: Path) -> None:
    FileSink(config(root)).put_if_absent("turns/1", b"first")
    sink = ListeningSink(config(root))
    sink.put_if_absent("turns/2", b"second")
    assert sink.steps.count("flush archive/") >= 1
    sink.steps.clear()
    sink.put_if_absent("turns/3", b"third")
    assert "flush archive/" not in sink.steps


def test_finding_an_equal_object_flushes_its_directory_again(root: Path) -> None:
    sink = ListeningSink(config(root))
    sink.put_if_absent("turns/1", b"first")
    sink.steps.clear()
    assert sink.put_if_absent("turns/1", b"first") is False
    assert sink.steps == ["flush file of 5 bytes", "found 1", "flush turns/"]


@pytest.mark.parametrize(
    ("stop_at", "written_by_retry"), [("_flush_file", True), ("_flush_directory", False)]
)
def test_a_put_killed_in_the_middle_is_made_good_by_its_retry(
    root: Path, sink: FileSink, stop_at: str, written_by_retry: bool
) -> None:
    sink.put_if_absent("turns/0", b"zero")
    kill_a_put_at(stop_at, root)
    assert len(staged(root)) <= 1
    assert sink.put_if_absent("turns/1", b"first") is written_by_retry
    assert sink.get("turns/1") == b"first"
    assert keys(sink) == ["turns/0", "turns/1"]


def kill_a_put_at(step: str, root: Path) -> None:
    """Run a put in another process and kill it without warning once it has reached ``step`` for its file."""
    script = f"""
import os, sys
from persistence.archive.sinks import SinkConfig
from tests.persistence.archive.sink_helpers import FailingSink
from persistence.archive.sinks.files import FileSink

class Stopping(FileSink):
    linked = False
    def _link(self, *args):
        Stopping.linked = super()._link(*args)
        return Stopping.linked
    def {step}(self, descriptor):
        if {step == "_flush_file"} or Stopping.linked:
            print("there", flush=True)
            sys.stdin.read()
        super().{step}(descriptor)

Stopping(SinkConfig(url={root.as_uri()!r})).put_if_absent("turns/1", b"first")
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def test_what_killed_puts_left_is_never_listed_and_swept_after_an_hour(root: Path, sink: FileSink) -> None:
    sink.put_if_absent("turns/0", b"zero")
    kill_a_put_at("_flush_file", root)
    (left,) = staged(root)
    assert keys(sink) == ["turns/0"]
    now = (root / STAGING / left).stat().st_mtime
    assert sink.sweep(now=now + ABANDONED_AFTER_SECONDS - 1) == 0
    assert sink.sweep(now=now + ABANDONED_AFTER_SECONDS + 1) == 1
    assert staged(root) == []


def test_opening_sweeps(root: Path, sink: FileSink) -> None:
    sink.put_if_absent("turns/0", b"zero")
    old, fresh = root / STAGING / "old", root / STAGING / "fresh"
    old.touch()
    fresh.touch()
    long_ago = time.time() - ABANDONED_AFTER_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    FileSink(config(root))
    assert staged(root) == ["fresh"]


def test_a_put_leaves_nothing_in_staging_whatever_its_outcome(root: Path, sink: FileSink) -> None:
    sink.put_if_absent("turns/1", b"first")
    with pytest.raises(ObjectDiffers):
        sink.put_if_absent("turns/1", b"other")
    with pytest.raises(SinkError):
        FailingSink(config(root)).put_if_absent("turns/2", b"second")
    assert staged(root) == []


def test_objects_are_read_only_and_not_for_everybody(root: Path, sink: FileSink) -> None:
    sink.put_if_absent("turns/1", b"first")
    mode = stat.S_IMODE((root / "turns/1").stat().st_mode)
    assert mode & 0o337 == 0
    assert stat.S_IMODE((root / "turns").stat().st_mode) & 0o027 == 0


def test_a_directory_removed_behind_our_back_is_made_again(root: Path, sink: FileSink) -> None:
    sink.put_if_absent("turns/1", b"first")
    (root / "turns/1").unlink()
    (root / "turns").rmdir()
    assert sink.put_if_absent("turns/1", b"first") is True
    for path in (root / "turns/1", root / STAGING, root / "turns", root):
        path.unlink() if path.is_file() else path.rmdir()
    assert sink.put_if_absent("turns/1", b"first") is True
