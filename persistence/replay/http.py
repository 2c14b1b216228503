"""Turns over HTTP: ``POST /api/v1/turns`` on one kept-alive connection.

The standard library's client on purpose: a replay measures a server that often shares its cores, and
httpx costs a millisecond of processor time a request.
"""

import contextlib
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from persistence.replay.answers import Acknowledged, Answer, Denied, Refused, Unavailable
from persistence.replay.dialogues import Exchange

PATH = "/api/v1/turns"
TIMEOUT_SECONDS = 15.0  # for each read; longer than the server's own deadline for a request
TRY_AGAIN = {429, 502, 503, 504}
WRONG_DOOR = {401, 403, 404, 405}
ONLY_THIS_ONE = {413, 422}


class HttpSender:
    """Sends with one API key. Not for several threads at once."""

    def __init__(self, url: str, key: str) -> None:
        """Take the server's base address, such as ``https://holdfast.example.org``. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http:// or https:// address.")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
        self._path = parts.path.rstrip("/") + PATH
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send(self, exchange: Exchange) -> Answer:
        """Post the exchange once."""
        try:
            self._connection.request("POST", self._path, encode(exchange), self._headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Unavailable(f"{type(error).__name__}: {error}".rstrip(": "))
        return answer_to(response.status, response.getheader("Retry-After"), body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def encode(exchange: Exchange) -> bytes:
    """Return the request's body."""
    body = {
        "channel": exchange.channel,
        "session_id": exchange.session_id,
        "request_id": exchange.request_id,
        "messages": exchange.messages,
    }
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair has no UTF-8. Escaped it arrives, and the server says what is wrong with it.
        return json.dumps(body).encode()


def answer_to(status: int, retry_after: str | None, body: bytes) -> Answer:
    """Read the server's answer. Anything but Holdfast's own 200 and 201 is no acknowledgement."""
    found = _object(body)
    if status in (200, 201):
        if "turn_id" not in found:
            return Denied(f"HTTP {status} without a turn_id: this is not Holdfast's API")
        return Acknowledged(replayed=status == 200)
    reason = f"HTTP {status} {found.get('detail') or found.get('title') or ''}".strip()[:500]
    if status in TRY_AGAIN:
        return Unavailable(reason, _seconds(retry_after))
    if status in WRONG_DOOR or 300 <= status < 400:
        return Denied(reason)
    return Refused(reason, final=status not in ONLY_THIS_ONE)


def _object(body: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = json.loads(body)
        if isinstance(found, dict):
            return found
    return {}


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None
