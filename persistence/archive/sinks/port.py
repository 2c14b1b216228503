"""What the archive asks of a store: put if absent, get, list. Every adapter translates its own errors into
these. What only claim checks and erasures need, deleting and addresses for others, stands apart.

::

    SinkError                 code, endpoint_down, retry_after
    ├── ObjectDiffers         the key holds other content: an alarm, never a retry that could help
    └── ObjectMissing         there is nothing under the key

Codes, which are stable and fit for metrics: ``unreachable``, ``connection_lost``, ``timeout``, ``forbidden``,
``clock_skew``, ``no_bucket``, ``wrong_endpoint``, ``throttled``, ``server_error``, ``conflict``,
``checksum_rejected``, ``corrupted``, ``no_space``, ``read_only``, ``io_error``, ``unsupported``,
``blocked_path``, ``bad_key``, ``too_large``, ``rejected``, ``digest_mismatch``, ``missing``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

MAX_OBJECT_BYTES = 64 * 1024 * 1024
"""No turn comes near this; a larger object is foreign, and reading it must not exhaust a worker's memory."""


class SinkError(Exception):
    """A store did not do what was asked. The message is for people and never holds a credential or a body.

    ``code`` is machine readable (see the module). ``endpoint_down`` says that the whole store is out, so the
    failure tells nothing about this object and should spend none of its attempts. ``retry_after`` is the
    store's own wish in seconds, if it had one.
    """

    def __init__(
        self, message: str, *, code: str, endpoint_down: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.endpoint_down = endpoint_down
        self.retry_after = retry_after


class ObjectDiffers(SinkError):
    """The key exists with other content. Nothing was overwritten."""

    def __init__(self, key: str, location: str) -> None:
        super().__init__(
            f"{location} already holds other content under {key!r}. Nothing was overwritten. "
            "Compare both copies before anything else: run `manage.py archive verify`.",
            code="digest_mismatch",
        )
        self.key = key


class ObjectMissing(SinkError):
    """Nothing is stored under the key."""

    def __init__(self, key: str, location: str) -> None:
        super().__init__(f"{location} holds nothing under {key!r}.", code="missing")
        self.key = key


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One entry of a listing: full key, size in bytes, when the store last wrote it (aware, UTC)."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """Everything that a sink may need; the caller reads settings, sinks never do.

    ``deadline_seconds`` is wall-clock time for one call as a whole, connecting included; ``concurrency`` is
    how many threads use the sink at once. Without an access key the S3 sink takes boto3's own credential
    chain. The secret is kept out of ``repr``.
    """

    url: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    deadline_seconds: float = 8.0
    concurrency: int = 4


class Sink(Protocol):
    """One store. All methods may be called from many threads at once."""

    @property
    def location(self) -> str:
        """Where this is, for people: a URL without credentials."""

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Store ``body`` under ``key``, durably once this returns, and never overwrite.

        True: written by this call. False: it was there with equal content, as after a retry. Raises
        ObjectDiffers when other content is there, and SinkError when the outcome is a failure or is not
        known; calling again is safe.
        """

    def get(self, key: str) -> bytes:
        """Return the object's bytes. Raises ObjectMissing, or SinkError ``corrupted`` when the store's
        checksum of it does not fit what arrived.
        """

    def list(self, prefix: str = "", *, start_after: str = "") -> Iterator[StoredObject]:
        """Yield what is stored under ``prefix``, keys ascending by code point, only those above
        ``start_after``.

        Read in pages while it is consumed, so memory stays flat. Objects written meanwhile may or may not
        appear. Foreign objects appear too: naming them is the verifier's business.
        """

    def close(self) -> None:
        """Let go of connections. The sink must not be used afterwards; closing twice is harmless."""


class Deletes(Sink, Protocol):
    """A store from which objects may be taken away again."""

    def delete(self, key: str) -> None:
        """Remove the object, durably once this returns. That there is none is no error: calling again is safe.

        Raises SinkError when it may still be there.
        """


@runtime_checkable
class Presigns(Protocol):
    """A store that can be read by whoever holds an address of it."""

    def presigned_get(self, key: str, *, seconds: int) -> str:
        """Return an address under which the object can be fetched for that long; nothing is asked of the store."""
