"""A directory tree read in the order in which a bucket lists its keys."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from persistence.archive.sinks.port import StoredObject


def walk(root: Path, *, prefix: str, start_after: str, hidden: str) -> Iterator[StoredObject]:
    """Yield the regular files below ``root`` whose key starts with ``prefix`` and lies above ``start_after``.

    Keys ascend by code point over the whole tree: a directory sorts as its name with a slash, so that ``a-b``
    comes before ``a/b``. Directories that can hold nothing of interest are not read, symbolic links are not
    followed, and ``hidden`` (a top-level name) is left out. A root that does not exist yet holds nothing. A
    name that is not UTF-8 is shown with escapes, so that a report can print it.
    """
    levels = [_entries(root, "")]
    while levels:
        key, entry = next(levels[-1], (None, None))
        if key is None or entry is None:
            levels.pop()
        elif key == f"{hidden}/":
            continue
        elif not key.endswith("/"):
            if key.startswith(prefix) and key > start_after and (found := _object(key, entry)):
                yield found
        elif _may_hold(key, prefix, start_after):
            levels.append(_entries(Path(entry.path), key))


def _entries(path: Path, above: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(path) as entries:
            named = [
                (above + _text(entry.name) + "/" * entry.is_dir(follow_symlinks=False), entry)
                for entry in entries
            ]
    except FileNotFoundError:  # not made yet, or removed since its parent was read
        return iter(())
    return iter(sorted(named, key=lambda pair: pair[0]))


def _may_hold(folder: str, prefix: str, start_after: str) -> bool:
    """Tell whether a key below ``folder`` (which ends with a slash) can be asked for."""
    on_the_way = folder.startswith(prefix) or prefix.startswith(folder)
    return on_the_way and (folder > start_after or start_after.startswith(folder))


def _object(key: str, entry: os.DirEntry[str]) -> StoredObject | None:
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")
