"""Endpoints' secrets at rest: encrypted under a key derived from ``SECRET_KEY``.

The keys in ``SECRET_KEY_FALLBACKS`` still open what was sealed under them, so that ``SECRET_KEY`` can be exchanged:
put the old one there, start, seal again (an action of the endpoints' list), and take it out.
"""

import base64
import json
import secrets as randomness
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

CONTEXT = b"holdfast endpoint secrets 1"
SIGNING_BYTES = 32  # Standard Webhooks asks for 24 to 64


class SecretsUnreadable(Exception):
    """What was sealed cannot be opened: it was sealed under another key, or is damaged."""

    def __init__(self) -> None:
        super().__init__(
            "This endpoint's secrets cannot be read with the present SECRET_KEY. Nothing is sent to it meanwhile, and "
            "everything is kept. Put the former key into SECRET_KEY_FALLBACKS and start again, or enter the "
            "endpoint's secrets anew."
        )


def seal(secrets: Mapping[str, Sequence[str]]) -> bytes:
    """Return the secrets (by name, newest first) encrypted under the present key; names without any are left out."""
    kept = {name: list(values) for name, values in secrets.items() if values}
    return _cipher().encrypt(json.dumps(kept, sort_keys=True).encode()) if kept else b""


def unseal(sealed: bytes | memoryview) -> dict[str, tuple[str, ...]]:
    """Return what was sealed; b"" holds nothing. Raises SecretsUnreadable."""
    token = bytes(sealed)
    if not token:
        return {}
    try:
        found = json.loads(_cipher().decrypt(token))
        return {str(name): tuple(map(str, values)) for name, values in found.items()}
    except (InvalidToken, ValueError, AttributeError, TypeError):
        raise SecretsUnreadable from None


def is_outdated(sealed: bytes | memoryview) -> bool:
    """Say whether only a key of ``SECRET_KEY_FALLBACKS``, or none, opens it."""
    token = bytes(sealed)
    if not token:
        return False
    try:
        Fernet(_derived(settings.SECRET_KEY)).decrypt(token)
    except InvalidToken:
        return True
    return False


def new_signing_secret() -> str:
    """Return a fresh secret in the form of Standard Webhooks: ``whsec_`` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(randomness.token_bytes(SIGNING_BYTES)).decode()


def _cipher() -> MultiFernet:
    # Read at each call: tests and a reload may change the settings.
    return MultiFernet(
        [Fernet(_derived(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    )


@lru_cache(maxsize=16)
def _derived(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=CONTEXT).derive(key.encode())
    return base64.urlsafe_b64encode(derived)
