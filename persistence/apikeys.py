"""API keys: one domain each, several valid at once so that they can be rotated, only their SHA-256 at rest.

A key is 256 random bits, so a fast hash is right: there is nothing to guess. ``hf_<prefix>_<secret>``: the prefix names
the key in lists and logs, the secret is shown once.
"""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field
from threading import Lock

from django.conf import settings
from django.db.models.functions import Now

from persistence.database import translated
from persistence.errors import FieldError, InvalidTurn, PersistenceUnavailable
from persistence.models import ApiKey

DOMAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PRESENT = float("-inf")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once. The secret is kept out of ``repr``."""

    id: int
    domain: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """What a valid key opens."""

    key_id: int
    domain: str
    name: str


def create_key(domain: str, name: str = "") -> NewKey:
    """Make a key for a domain. Raises InvalidTurn for a domain that is not lower-case letters, digits, - and _."""
    if not DOMAIN.fullmatch(domain):
        raise InvalidTurn([FieldError("domain", "must be 1 to 63 lower-case letters, digits, - or _")])
    prefix = secrets.token_hex(4)
    key = f"hf_{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(domain=domain, name=name or "unnamed", prefix=prefix, key_hash=_digest(key))
    return NewKey(row.pk, domain, key)


def verify(key: str) -> KeyOwner | None:
    """Return what the key opens, or None for an unknown or revoked one.

    An answer is remembered for ``API_KEY_CACHE_SECONDS``: a revoked key stops working within that time everywhere.
    """
    return _cache.get(_digest(key))


def verify_with_grace(key: str) -> KeyOwner | None:
    """Return what the key opens, also while Postgres is away: whoever was let in lately is let in still.

    "Lately" is within ``API_KEY_GRACE_SECONDS`` of this process' last look in Postgres. For what does not need Postgres
    itself, and for nothing else. Raises PersistenceUnavailable for a key that was not seen lately.
    """
    return _cache.get_with_grace(_digest(key))


def was_revoked(key: str) -> bool:
    """Say whether a key that opens nothing did so once."""
    return ApiKey.objects.filter(key_hash=_digest(key), revoked_at__isnull=False).exists()


def revoke(key_id: int) -> bool:
    """Revoke a key; False when there is none with that id or it was revoked before."""
    changed = ApiKey.objects.filter(pk=key_id, revoked_at__isnull=True).update(revoked_at=Now())
    _cache.clear()
    return changed > 0


def keys(domain: str | None = None) -> list[ApiKey]:
    """Return the keys, newest first, of one domain or of all."""
    found = ApiKey.objects.order_by("-id")
    return list(found.filter(domain=domain) if domain else found)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class _Seen:
    """A key as Postgres knew it, and when (``time.monotonic()``)."""

    owner: KeyOwner
    at: float


class _Cache:
    """Keys that this process has found in Postgres. Unknown keys are not remembered: that could be filled up."""

    def __init__(self) -> None:
        self._seen: dict[bytes, _Seen] = {}
        self._lock = Lock()
        # While Postgres is away: when to look again, and what the one request that looks then holds.
        self._look_again_at = PRESENT
        self._looking = Lock()

    def get(self, digest: bytes) -> KeyOwner | None:
        found = self._seen.get(digest)
        if found and time.monotonic() < found.at + settings.API_KEY_CACHE_SECONDS:
            return found.owner
        return self._ask(digest)

    def get_with_grace(self, digest: bytes) -> KeyOwner | None:
        """As ``get``; while Postgres is away only one request at a time waits to find out, and the others go on."""
        found = self._seen.get(digest)
        if found is None or time.monotonic() >= found.at + settings.API_KEY_GRACE_SECONDS:
            with translated():
                return self.get(digest)
        if self._look_again_at == PRESENT:
            return self._look(digest, found)
        if time.monotonic() < self._look_again_at or not self._looking.acquire(blocking=False):
            return found.owner
        try:
            return self._look(digest, found)
        finally:
            self._looking.release()

    def _look(self, digest: bytes, found: _Seen) -> KeyOwner | None:
        try:
            with translated():
                owner = self.get(digest)
        except PersistenceUnavailable:
            self._look_again_at = time.monotonic() + settings.API_KEY_CACHE_SECONDS
            return found.owner
        self._look_again_at = PRESENT
        return owner

    def _ask(self, digest: bytes) -> KeyOwner | None:
        asked_at = time.monotonic()
        row = ApiKey.objects.filter(key_hash=digest, revoked_at__isnull=True).first()
        with self._lock:
            if row is None:
                self._seen.pop(digest, None)
                return None
            self._seen[digest] = _Seen(KeyOwner(row.pk, row.domain, row.name), asked_at)
            return self._seen[digest].owner

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()


_cache = _Cache()
