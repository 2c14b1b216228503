"""The receiver's side: take what a claim check stands for, and believe only its digest.

::

    ClaimDiffers              what was fetched is not what the sender stored
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

Get = Callable[[str], bytes]


class Store(Protocol):
    """As much of a sink as a receiver needs that can reach the store itself."""

    def get(self, key: str) -> bytes: ...


class ClaimDiffers(Exception):
    """The bytes are not those that the claim check describes. Nothing of them was used; fetch again, or ask the sender.

    ``code`` is ``claim_size`` or ``claim_digest``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def fetch(claim_check: Mapping[str, Any], *, get: Get | None = None, store: Store | None = None) -> Any:
    """Return the claimed JSON value. See ``fetch_bytes``."""
    return json.loads(fetch_bytes(claim_check, get=get, store=store))


def fetch_bytes(
    claim_check: Mapping[str, Any], *, get: Get | None = None, store: Store | None = None
) -> bytes:
    """Return the claimed bytes after comparing their number and SHA-256 with the claim check.

    Give either ``get``, which is called with the address and returns the body of a successful answer, or ``store``,
    which is asked for the key. Their own errors pass through. Raises ClaimDiffers when something else came, and
    ValueError when what was given is no claim check.
    """
    if (get is None) == (store is None):
        raise TypeError(
            "fetch() takes either get=, a function of the address, or store=, a sink; one of them."
        )
    expected, size = claim_check.get("sha256"), claim_check.get("bytes")
    place = claim_check.get("url" if get else "key")
    if not isinstance(expected, str) or not isinstance(size, int) or not isinstance(place, str):
        raise ValueError("This is no claim check: key, url, bytes and sha256 are needed.")
    body = get(place) if get else store.get(place) if store else b""
    if len(body) != size:
        raise ClaimDiffers("claim_size", f"{len(body)} bytes came where {size} were claimed.")
    if hashlib.sha256(body).hexdigest() != expected.lower():
        raise ClaimDiffers("claim_digest", "The bytes do not have the digest that was claimed.")
    return body
