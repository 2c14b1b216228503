"""Standard Webhooks 1.0, both ways: HMAC-SHA256 of ``id.timestamp.body``, base64, several signatures at once.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

The specification's own Python library is what the tests hold this against. It is not used here: it reads the clock
itself, and it signs text, so that a body which is not UTF-8 (a mail in Latin-1) could not be verified by its bytes.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from handoff.connectors.port import NotAuthentic, Unreadable

WINDOW = 300  # seconds that the sender's clock may differ from ours, either way
LONGEST_ID = 200

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_ID = re.compile(rf"[!-~]{{1,{LONGEST_ID}}}")


class BadSecret(ValueError):
    """A signing secret is not ``whsec_`` and base64 after it. The message never shows the secret."""


def signed_headers(message_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Return the three headers for ``body``, with one signature per secret, the newest first. Raises BadSecret.

    While a secret is being exchanged both are given, so that a receiver who knows either can verify.
    """
    if not secrets:
        raise BadSecret("there is no signing secret")
    timestamp = str(int(at.timestamp()))
    signatures = " ".join(_signature(secret, message_id, timestamp, body) for secret in secrets)
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signatures}


def verified_id(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """Return the ``webhook-id`` of an authentic post: signed with any of the secrets, at most five minutes ago.

    Raises NotAuthentic, or Unreadable where an authentic id could not be kept.
    """
    message_id, timestamp, given = (
        headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature")
    )
    if not (message_id and timestamp and given):
        raise NotAuthentic("signature_missing")
    if not _TIMESTAMP.fullmatch(timestamp) or not _matches(secrets, message_id, timestamp, body, given):
        raise NotAuthentic("signature_wrong")
    if abs(now.timestamp() - int(timestamp)) > WINDOW:
        raise NotAuthentic("signature_expired")
    if not _ID.fullmatch(message_id):
        raise Unreadable("webhook-id", f"must be 1 to {LONGEST_ID} printable ASCII characters")
    return message_id


def _matches(secrets: Sequence[str], message_id: str, timestamp: str, body: bytes, given: str) -> bool:
    # Every pair is compared, in constant time: how long it takes says nothing about which secret was close.
    usable = [secret for secret in secrets if _is_usable(secret)]
    expected = [_signature(secret, message_id, timestamp, body).encode() for secret in usable]
    offered = [entry.encode("utf-8", "replace") for entry in given.split(" ")]
    return any([hmac.compare_digest(one, other) for one in expected for other in offered])


def _signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode("utf-8", "replace") + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret("a signing secret must be base64, with or without whsec_ before it") from None
    if not key:
        raise BadSecret("a signing secret is empty")
    return key


def _is_usable(secret: str) -> bool:
    try:
        return bool(_key(secret))
    except BadSecret:
        return False
