"""The directory sink: full disks, hostile trees, and any tree in order."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from persistence.archive.sinks import ObjectDiffers, ObjectMissing, SinkConfig, SinkError
from persistence.archive.sinks.file_walk import walk
from persistence.archive.sinks.files import STAGING, FileSink
from tests.persistence.archive.sink_helpers import FailingSink, open_descriptors


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
