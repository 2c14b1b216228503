"""The directory sink: what survives a kill, a crash and a hostile tree."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from persistence.archive.sinks import ObjectDiffers, ObjectMissing, SinkConfig, SinkError
from persistence.archive.sinks.file_walk import walk
from persistence.archive.sinks.files import ABANDONED_AFTER_SECONDS, STAGING, FileSink

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


class FailingSink(FileSink):
    """Fails with one error number where the file is flushed."""

    error = errno.ENOSPC

    def _flush_file(self, _descriptor: int) -> None:
        raise OSError(self.error, os.strerror(self.error))


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


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- Durability -------------------------------------------------------------------------------------------


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


# --- Trouble ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "endpoint_down"),
    [
        (errno.ENOSPC, "no_space", True),
        (errno.EDQUOT, "no_space", True),
        (errno.EACCES, "forbidden", True),
        (errno.EROFS, "read_only", True),
        (errno.EIO, "io_error", True),
        (errno.ESTALE, "io_error", True),
    ],
)
def test_an_error_of_the_disk_is_named_and_nothing_appears(
    root: Path, error: int, code: str, endpoint_down: bool
) -> None:
    sink = FailingSink(config(root))
    sink.error = error
    with pytest.raises(SinkError, match="tried again") as caught:
        sink.put_if_absent("turns/1", b"first")
    assert (caught.value.code, caught.value.endpoint_down) == (code, endpoint_down)
    assert keys(sink) == []


@pytest.mark.parametrize("error", [errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV])
def test_a_file_system_without_hard_links_is_refused_with_advice(
    sink: FileSink, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(SinkError, match="hard links") as caught:
        sink.put_if_absent("turns/1", b"first")
    assert (caught.value.code, caught.value.endpoint_down) == ("unsupported", True)
    assert keys(sink) == []


def test_a_symbolic_link_is_neither_followed_nor_listed(root: Path, sink: FileSink, tmp_path: Path) -> None:
    sink.put_if_absent("turns/1", b"first")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "turns/link").symlink_to(outside / "secret")
    (root / "away").symlink_to(outside)
    for key in ("turns/link", "away/secret"):
        with pytest.raises(SinkError) as caught:
            sink.get(key)
        assert caught.value.code == "blocked_path"
        with pytest.raises(SinkError) as caught:
            sink.put_if_absent(key, b"secret")
        assert (caught.value.code, caught.value.endpoint_down) == ("blocked_path", False)
    assert keys(sink) == ["turns/1"]
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_the_root_itself_may_be_a_symbolic_link(root: Path, tmp_path: Path) -> None:
    root.mkdir()
    (tmp_path / "alias").symlink_to(root)
    FileSink(config(tmp_path / "alias")).put_if_absent("turns/1", b"first")
    assert FileSink(config(root)).get("turns/1") == b"first"


@pytest.mark.parametrize("what", ["pipe", "directory"])
def test_what_is_not_a_file_is_no_object_and_does_not_hang(root: Path, sink: FileSink, what: str) -> None:
    sink.put_if_absent("turns/1", b"first")
    path = root / "turns/2"
    os.mkfifo(path) if what == "pipe" else path.mkdir()
    for call in (lambda: sink.get("turns/2"), lambda: sink.put_if_absent("turns/2", b"second")):
        with pytest.raises(SinkError) as caught:
            call()
        assert caught.value.code == "blocked_path"
    assert keys(sink) == ["turns/1"]


def test_a_file_where_a_directory_belongs_blocks_only_its_own_keys(root: Path, sink: FileSink) -> None:
    sink.put_if_absent("turns", b"a file")
    with pytest.raises(SinkError) as caught:
        sink.put_if_absent("turns/1", b"first")
    assert (caught.value.code, caught.value.endpoint_down) == ("blocked_path", False)
    assert sink.put_if_absent("others/1", b"first") is True


def test_foreign_files_are_listed_whatever_their_names_are(root: Path, sink: FileSink) -> None:
    sink.put_if_absent("turns/1", b"first")
    (root / "turns/.hidden").write_bytes(b"x")
    (root / ".profile").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(root) + b"/turns/\xff")).write_bytes(b"x")
    assert keys(sink) == [".profile", "turns/.hidden", "turns/1", "turns/\\xff"]
    for key in keys(sink):
        key.encode()


def test_an_object_larger_than_any_turn_is_not_read(
    root: Path, sink: FileSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.put_if_absent("turns/1", b"x" * 100)
    monkeypatch.setattr("persistence.archive.sinks.files.MAX_OBJECT_BYTES", 99)
    with pytest.raises(SinkError) as caught:
        sink.get("turns/1")
    assert caught.value.code == "too_large"


def test_failing_calls_leave_no_descriptor_open(root: Path, sink: FileSink) -> None:
    sink.put_if_absent("turns/1", b"first")
    (root / "turns/folder").mkdir()

    def provoke() -> None:
        for key in ("turns/folder", "turns/1/below", "turns/missing", "nowhere/1"):
            with pytest.raises(SinkError):
                sink.get(key)
        with pytest.raises(ObjectDiffers):
            sink.put_if_absent("turns/1", b"other")
        with pytest.raises(SinkError):
            FailingSink(config(root)).put_if_absent("turns/2", b"second")

    provoke()
    before = open_descriptors()
    for _ in range(20):
        provoke()
    assert open_descriptors() == before


def test_opening_and_reading_make_nothing(root: Path, sink: FileSink) -> None:
    assert keys(sink) == []
    with pytest.raises(ObjectMissing):
        sink.get("turns/1")
    assert not root.exists()


def test_a_url_may_hold_escapes(tmp_path: Path) -> None:
    sink = FileSink(config(tmp_path / "with space and %"))
    sink.put_if_absent("turns/1", b"first")
    assert (tmp_path / "with space and %/turns/1").read_bytes() == b"first"
    assert sink.location == (tmp_path / "with space and %").as_uri()


# --- Listing ----------------------------------------------------------------------------------------------

names = some.text(alphabet="ab-.0/é", min_size=1, max_size=3).filter(
    lambda name: "/" not in name and name not in (".", "..")
)
trees = some.lists(some.lists(names, min_size=1, max_size=3).map("/".join), max_size=12, unique=True)


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("forest")


@settings(deadline=None)
@given(
    wanted=trees, prefix=some.text(alphabet="ab-./é", max_size=3), start_after=some.text("ab-./é", max_size=4)
)
def test_any_tree_is_listed_like_a_sorted_set_of_keys(
    forest: Path, wanted: list[str], prefix: str, start_after: str
) -> None:
    root = forest / os.urandom(8).hex()
    stored = set()
    for key in wanted:
        path = root / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError:  # a file stands where this key needs a directory, or the other way round
            continue
        if path.is_file():
            stored.add(path.relative_to(root).as_posix())
    listed = [found.key for found in walk(root, prefix=prefix, start_after=start_after, hidden=STAGING)]
    assert listed == sorted(key for key in stored if key.startswith(prefix) and key > start_after)
