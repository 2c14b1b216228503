"""Where a replay goes, from what the caller said and what runs on this machine."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import OperationalError, connection

from persistence import apikeys
from persistence.replay.answers import Sender
from persistence.replay.http import HttpSender
from persistence.replay.in_process import InProcessSender

CONNECT_SECONDS = 5.0
PORTS = {"http": 80, "https": 443}


class WrongTargetError(Exception):
    """What was asked for does not say where to go, or says it twice."""


class NoTargetError(Exception):
    """Nothing answers there."""


def over_http(url: str | None, key: str | None) -> Callable[[], Sender]:
    """Return a maker of senders to ``url``, or to the stack that runs here. ``key`` may be ``@file``.

    Raises WrongTargetError, and NoTargetError at once where nothing listens: a replay waits only for what
    was there before.
    """
    if url is None and key is not None:
        raise WrongTargetError("--key goes with --url.")
    url, key = (url, key) if url else running_stack()
    if not key:
        raise WrongTargetError(
            "--url needs --key, an API key of that server (manage.py apikey create makes one)."
        )
    key = _key(key)
    try:
        HttpSender(url, key)
    except ValueError as error:
        raise WrongTargetError(str(error)) from error
    _knock(url)
    return lambda: HttpSender(url, key)


def in_process(domain: str) -> Callable[[], Sender]:
    """Return a maker of senders into this process's own database.

    Raises WrongTargetError for a domain that no key could open, and NoTargetError without Postgres.
    """
    if not apikeys.DOMAIN.fullmatch(domain):
        raise WrongTargetError("--domain must be 1 to 63 lower-case letters, digits, dashes or underscores.")
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise NoTargetError(
            f"Postgres does not answer, and nothing was sent: {str(error).strip()} "
            "Start it with `manage.py services start`, or set DATABASE_URL."
        ) from error
    return lambda: InProcessSender(domain)


def running_stack() -> tuple[str, str]:
    """Return API address and key of the stack that runs on this machine. Raises NoTargetError."""
    file = Path(settings.LOCAL_DIR) / "stack.json"
    try:
        stack = json.loads(file.read_text(encoding="utf-8"))
        return stack["api"], stack["api_key"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoTargetError(
            f"No stack runs here ({file} is not there), and nothing was sent. Run `make up` in another "
            "terminal, or name a server with --url and --key, or use --in-process."
        ) from error


def _key(text: str) -> str:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise WrongTargetError(f"The key's file cannot be read: {error}.") from error
    if not text.isascii() or not text.isprintable() or not text:
        raise WrongTargetError("The API key holds characters that no key has.")
    return text


def _knock(url: str) -> None:
    parts = urlsplit(url)
    try:
        socket.create_connection(
            (parts.hostname or "", parts.port or PORTS[parts.scheme]), CONNECT_SECONDS
        ).close()
    except OSError as error:
        raise NoTargetError(f"Nothing answers at {url}: {error}. Nothing was sent.") from error
