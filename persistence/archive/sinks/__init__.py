"""Where the off-box copy goes: one adapter per file, one line each in the registry.

``open_sink(SinkConfig(url=...))`` is the only door. Adding a store is: copy ``files.py`` or ``s3.py``, keep
the port's promises, add a line here and a parameter to the contract suite.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from persistence.archive.sinks.files import FileSink
from persistence.archive.sinks.port import (
    Deletes,
    ObjectDiffers,
    ObjectMissing,
    Presigns,
    Sink,
    SinkConfig,
    SinkError,
    StoredObject,
)
from persistence.archive.sinks.s3 import S3Sink

__all__ = [
    "Deletes",
    "ObjectDiffers",
    "ObjectMissing",
    "Presigns",
    "Sink",
    "SinkConfig",
    "SinkError",
    "StoredObject",
    "open_sink",
]

_SINKS: dict[str, Callable[[SinkConfig], Deletes]] = {
    "file": FileSink,
    "s3": S3Sink,
}


def open_sink(config: SinkConfig) -> Deletes:
    """Return the sink for ``config.url``. Raises ValueError for a URL that cannot work.

    Nothing is contacted yet.
    """
    scheme = urlsplit(config.url).scheme
    if scheme not in _SINKS:
        supported = ", ".join(f"{name}://" for name in _SINKS)
        raise ValueError(f"The archive URL starts with {scheme or 'no scheme'!r}; supported are {supported}.")
    return _SINKS[scheme](config)
