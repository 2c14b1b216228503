"""Keyed hashes of session ids and requests: raw ids never rest here, and the key can be rotated.

``HASH_SECRET`` is one secret (which is version 1) or several with versions, ``2:new-secret,1:old-secret``.
The first is the one that new rows are written with; the others find rows written before. Keep an old version
for as long as rows carry it. A secret holds at least 16 characters, and no comma where versions are given.

Errors: ``ValueError`` for a setting that makes no sense, ``UnknownHashVersionError`` for a version that it
does not hold. No message ever shows a secret.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings

SHORTEST_SECRET = 16
_HIGHEST_VERSION = 32_767  # what a smallint column holds
_VERSIONED = re.compile(r"\s*[0-9]+:")
_ENTRY = re.compile(r"([0-9]{1,5}):(.*)", re.DOTALL)


class UnknownHashVersionError(LookupError):
    """A row was hashed with a version of the secret that ``HASH_SECRET`` no longer holds."""


@dataclass(frozen=True)
class HashSecrets:
    """The parsed ``HASH_SECRET``: secrets as bytes by version, the current one first."""

    by_version: dict[int, bytes] = field(repr=False)

    @property
    def current(self) -> tuple[int, bytes]:
        """Version and secret that new rows are written with."""
        return next(iter(self.by_version.items()))

    @property
    def versions(self) -> tuple[int, ...]:
        """All versions, the current one first."""
        return tuple(self.by_version)

    def __repr__(self) -> str:
        return f"HashSecrets(versions={self.versions})"

    def secret(self, version: int | None) -> bytes:
        """Return the secret of ``version``, or the current one for ``None``."""
        if version is None:
            return self.current[1]
        try:
            return self.by_version[version]
        except KeyError:
            raise UnknownHashVersionError(
                f"HASH_SECRET holds no version {version} (it holds {', '.join(map(str, self.versions))}). "
                "Nothing was changed; put the old secret back behind the current one."
            ) from None


def parse_secrets(text: str) -> HashSecrets:
    """Read ``HASH_SECRET``: ``secret`` or ``2:new,1:old``. Raises ``ValueError`` that says what to do."""
    if not text.strip():
        raise ValueError("HASH_SECRET is empty. Set one secret of 16 characters or more.")
    if not _VERSIONED.match(text):
        return HashSecrets({1: _checked(1, text.strip())})
    by_version: dict[int, bytes] = {}
    for position, entry in enumerate(text.split(","), start=1):
        version, secret = _versioned(position, entry.strip())
        if version in by_version:
            raise ValueError(f"HASH_SECRET names version {version} twice. Give each secret its own version.")
        if secret in by_version.values():
            raise ValueError(
                f"HASH_SECRET repeats the secret of another version as version {version}. Remove one."
            )
        by_version[version] = secret
    return HashSecrets(by_version)


def secrets_from_settings() -> HashSecrets:
    """Return the secrets of ``settings.HASH_SECRET``; parsed once for each text, so tests may override it."""
    return _parse_once(settings.HASH_SECRET)


def hash_session(
    secrets: HashSecrets, *, domain: str, channel: str, session_id: str, version: int | None = None
) -> bytes:
    """Return the 32-byte HMAC-SHA256 by which the conversation of a session is found."""
    return _keyed_hash(secrets.secret(version), ("session", domain, channel, session_id))


def hash_subject(
    secrets: HashSecrets, *, domain: str, named: Sequence[str], version: int | None = None
) -> bytes:
    """Return the 32-byte HMAC-SHA256 by which the record of an erasure is found by whoever knows the reference."""
    return _keyed_hash(secrets.secret(version), ("subject", domain, *named))


def fingerprint(
    secrets: HashSecrets,
    *,
    domain: str,
    channel: str,
    session_id: str,
    said: Sequence[str],
    version: int | None = None,
) -> bytes:
    """Return the 32-byte HMAC-SHA256 that tells a retry from a ``request_id`` used again for something else.

    ``said`` is what the user said, in order. The answer is no part of it: a model may put it differently the
    second time, and the first answer wins.
    """
    return _keyed_hash(secrets.secret(version), ("fingerprint", domain, channel, session_id, *said))


def _keyed_hash(secret: bytes, parts: Sequence[str]) -> bytes:
    # Each part goes after its length: ("ab", "c") and ("a", "bc") must not meet, whatever they contain.
    encoded = [part.encode() for part in parts]
    return hmac.digest(secret, b"".join(len(part).to_bytes(8) + part for part in encoded), "sha256")


def _versioned(position: int, entry: str) -> tuple[int, bytes]:
    match = _ENTRY.fullmatch(entry)
    if not match or not 1 <= int(match[1]) <= _HIGHEST_VERSION:
        raise ValueError(
            f"HASH_SECRET: entry {position} is not <version>:<secret> with a version from 1 to "
            f"{_HIGHEST_VERSION}. Write it like 2:new-secret,1:old-secret."
        )
    return int(match[1]), _checked(int(match[1]), match[2].strip())


def _checked(version: int, secret: str) -> bytes:
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(
            f"HASH_SECRET: the secret of version {version} has fewer than {SHORTEST_SECRET} characters. "
            "Use a long random one."
        )
    return secret.encode()


@lru_cache(maxsize=8)
def _parse_once(text: str) -> HashSecrets:
    return parse_secrets(text)
