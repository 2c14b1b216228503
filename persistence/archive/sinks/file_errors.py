"""What an operating system error means for the archive."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from persistence.archive.sinks.port import SinkError

# errno: (code, whole store is out, what to do)
_MEANING: dict[int, tuple[str, bool, str]] = {
    errno.ENOSPC: ("no_space", True, "Free some space or move the archive to a larger disk."),
    errno.EDQUOT: ("no_space", True, "Raise the quota or move the archive to a larger disk."),
    errno.EACCES: ("forbidden", True, "Let the worker's user read and write that directory."),
    errno.EPERM: ("forbidden", True, "Let the worker's user read and write that directory."),
    errno.EROFS: (
        "read_only",
        True,
        "Mount the file system writable; a disk with errors mounts itself read-only.",
    ),
    errno.ENAMETOOLONG: ("bad_key", False, "Choose a directory with a shorter path."),
    errno.ELOOP: ("blocked_path", False, "A symbolic link stands in the way; remove it."),
    errno.ENOTDIR: ("blocked_path", False, "A file stands where a directory is needed; move it away."),
    errno.EISDIR: ("blocked_path", False, "A directory stands where the object belongs; move it away."),
    errno.ENXIO: ("blocked_path", False, "A pipe or device stands where the object belongs; move it away."),
}
_OTHERWISE = ("io_error", True, "Look at the disk and its mount.")


@contextmanager
def translated(key: str, location: str) -> Iterator[None]:
    """Turn OSError into SinkError; what the archive raises itself passes through."""
    try:
        yield
    except OSError as error:
        code, endpoint_down, advice = _MEANING.get(error.errno or 0, _OTHERWISE)
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SinkError(
            f"{location} could not serve {key!r}: {reason}. The row stays and is tried again. {advice}",
            code=code,
            endpoint_down=endpoint_down,
        ) from error
