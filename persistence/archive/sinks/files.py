"""A directory as a sink: the default, and the same rules as a bucket, one file per object.

Two threads, two processes or two machines may put the same key: ``link(2)`` decides who wins, because it
never replaces an existing name. A file appears under its key complete and flushed, or not at all.

What this cannot do: bound a call by a clock. A hung network mount holds the thread in the kernel, where
nothing can interrupt it; the lease of the relay then hands the work to another worker, whose put is safe
beside this one.
"""

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Lock
from urllib.parse import unquote, urlsplit

from persistence.archive.sinks.file_errors import translated
from persistence.archive.sinks.file_walk import walk
from persistence.archive.sinks.keys import check_key, check_size
from persistence.archive.sinks.port import (
    MAX_OBJECT_BYTES,
    ObjectDiffers,
    ObjectMissing,
    SinkConfig,
    SinkError,
    StoredObject,
)

STAGING = ".staging"
"""Where bodies are written before they get their name; keys never start with a dot, so it cannot collide."""

ABANDONED_AFTER_SECONDS = 3600
DIRECTORY_MODE = 0o750
FILE_MODE = 0o440
REMEMBERED_DIRECTORIES = 10_000

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileSink:
    """Objects as files below one directory, which the first put creates. The port has the contract."""

    def __init__(self, config: SinkConfig) -> None:
        parts = urlsplit(config.url)
        root = unquote(parts.path)
        if parts.netloc not in ("", "localhost") or not root.startswith("/") or parts.query or parts.fragment:
            raise ValueError(
                f"{config.url!r} is not a directory's URL; write file:///absolute/path and nothing after it."
            )
        self._root = Path(root)
        self._durable: set[str] = set()
        self._lock = Lock()
        self.sweep(now=time.time())

    @property
    def location(self) -> str:
        """The directory as a file URL."""
        return self._root.as_uri()

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store ``body`` and return once it would survive a power cut.

        1. write it under a name nobody else has, and flush the file;
        2. link it to its key, which fails if the key exists;
        3. flush the directory, also when an earlier put was first: that one may have died before its own
        flush.
        """
        check_key(key)
        check_size(key, body)
        *folders, name = key.split("/")
        with translated(key, self.location), self._directory(folders) as directory:
            with self._staged(body) as (staging, temporary):
                written = self._link(staging, temporary, directory, name)
            if not written and self._read(directory, name) != body:
                raise ObjectDiffers(key, self.location)
            self._flush_directory(directory)
        return written

    def get(self, key: str) -> bytes:
        """Return the file's bytes."""
        check_key(key)
        *folders, name = key.split("/")
        with translated(key, self.location):
            try:
                with self._existing_directory(folders) as directory:
                    return self._read(directory, name)
            except FileNotFoundError as error:
                raise ObjectMissing(key, self.location) from error

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[StoredObject]:
        """Yield the files below the directory in key order; one directory's names are in memory at a time."""
        with translated(prefix, self.location):
            yield from walk(self._root, prefix=prefix, start_after=start_after, hidden=STAGING)

    def delete(self, key: str) -> None:
        """Remove the file and flush its directory, which stays: other puts may be using it."""
        check_key(key)
        *folders, name = key.split("/")
        with (
            translated(key, self.location),
            suppress(FileNotFoundError),
            self._existing_directory(folders) as directory,
        ):
            os.unlink(name, dir_fd=directory)
            self._flush_directory(directory)

    def close(self) -> None:
        """Nothing is kept open between calls."""

    def sweep(self, *, now: float) -> int:
        """Remove what puts that were killed left in staging more than an hour before ``now``; return how
        many.

        Nothing is lost: such a put never returned, so its caller tries again. A fresh file may belong to a
        put that is running, in this process or in another, and stays.
        """
        removed = 0
        with suppress(OSError), os.scandir(self._root / STAGING) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < now - ABANDONED_AFTER_SECONDS:
                        Path(entry.path).unlink()
                        removed += 1
        return removed

    @contextmanager
    def _staged(self, body: bytes) -> Iterator[tuple[int, str]]:
        """Give (directory, name) of a flushed file that holds ``body``; the name is gone afterwards."""
        with self._directory([STAGING]) as staging:
            name = f"{os.getpid()}-{secrets.token_hex(8)}"
            try:
                with open(name, "wb", buffering=0, opener=partial(_open_at, staging, _CREATE_FILE)) as file:
                    remaining = memoryview(body)
                    while remaining:
                        remaining = remaining[file.write(remaining) :]
                    self._flush_file(file.fileno())
                yield staging, name
            finally:
                with suppress(OSError):
                    os.unlink(name, dir_fd=staging)

    def _link(self, staging: int, temporary: str, directory: int, name: str) -> bool:
        """Give the file its name; False when the name is taken."""
        try:
            os.link(temporary, name, src_dir_fd=staging, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV):
                raise SinkError(
                    f"{self.location} cannot make hard links ({os.strerror(error.errno)}), without which an "
                    "object might overwrite another. Nothing was written. Use a directory on one ordinary "
                    "local file system (ext4, xfs, btrfs, zfs), or an s3:// archive.",
                    code="unsupported",
                    endpoint_down=True,
                ) from error
            raise
        return True

    def _read(self, directory: int, name: str) -> bytes:
        with open(name, "rb", opener=partial(_open_at, directory, _OPEN_FILE)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise SinkError(f"{name!r} in {self.location} is not a regular file.", code="blocked_path")
            if found.st_size > MAX_OBJECT_BYTES:
                raise SinkError(
                    f"{name!r} in {self.location} has {found.st_size} bytes, more than the archive writes.",
                    code="too_large",
                )
            return file.read()

    @contextmanager
    def _existing_directory(self, folders: Sequence[str]) -> Iterator[int]:
        """Give a descriptor of the directory, which is closed afterwards."""
        descriptor = self._open_directory(folders)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _directory(self, folders: Sequence[str]) -> Iterator[int]:
        """Give the same, with every directory on the way made and flushed into its parent.

        The first put that uses a directory in this process flushes it into its parent even if it existed: who
        made it may have been killed before its own flush. After that each level of the path is remembered.
        """
        if "/".join(folders) not in self._durable:
            self._make_durable(folders)
        try:
            descriptor = self._open_directory(folders)
        except FileNotFoundError:  # somebody removed what this process had made
            self._durable.clear()
            self._make_durable(folders)
            descriptor = self._open_directory(folders)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _open_directory(self, folders: Sequence[str]) -> int:
        """Walk down without following a symbolic link below the root, which itself may be one."""
        descriptor = os.open(self._root, _OPEN_DIRECTORY & ~os.O_NOFOLLOW)
        for folder in folders:
            try:
                below = os.open(folder, _OPEN_DIRECTORY, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = below
        return descriptor

    def _make_durable(self, folders: Sequence[str]) -> None:
        if not self._root.is_dir():
            self._make_root()
        for depth, folder in enumerate(folders):
            path = "/".join(folders[: depth + 1])
            if path in self._durable:
                continue
            with self._existing_directory(folders[:depth]) as parent:
                with suppress(FileExistsError):
                    os.mkdir(folder, DIRECTORY_MODE, dir_fd=parent)
                self._flush_directory(parent)
            with self._lock:
                if len(self._durable) >= REMEMBERED_DIRECTORIES:
                    self._durable.clear()
                self._durable.add(path)

    def _make_root(self) -> None:
        missing = [self._root, *self._root.parents]
        for path in reversed([path for path in missing if not path.is_dir()]):
            path.mkdir(DIRECTORY_MODE, exist_ok=True)
            descriptor = os.open(path.parent, _OPEN_DIRECTORY & ~os.O_NOFOLLOW)
            try:
                self._flush_directory(descriptor)
            finally:
                os.close(descriptor)

    # The order of these two around the link is the promise of this file; a test listens to them.
    def _flush_file(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def _flush_directory(self, descriptor: int) -> None:
        os.fsync(descriptor)


def _open_at(directory: int, flags: int, name: str, _flags: int) -> int:
    """Open ``name`` below ``directory`` with exactly ``flags``: the shape of ``open(opener=...)``."""
    return os.open(name, flags, FILE_MODE, dir_fd=directory)
