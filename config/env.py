"""Typed readers for the environment. A value that makes no sense stops the start with the name that is wrong.

``secret()`` also reads ``<NAME>_FILE``, the way Docker, Kubernetes and systemd hand over secrets.
"""

import os
from datetime import datetime, time
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "", *, choices: tuple[str, ...] = ()) -> str:
    """Return the variable, stripped; with ``choices``, anything else is refused."""
    value = os.environ.get(name, default).strip()
    if choices and value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; use one of {', '.join(choices)}.")
    return value


def flag(name: str, default: bool = False) -> bool:
    """Return a boolean: 1/true/yes/on or 0/false/no/off."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in TRUE:
        return True
    if value.strip().lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; use 1 or 0.")


def number(name: str, default: float, *, at_least: float, at_most: float) -> float:
    """Return a number inside its bounds; both bounds are part of the message when it is not."""
    raw = os.environ.get(name, "").strip()
    try:
        value = float(raw) if raw else float(default)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {raw!r}, which is not a number.") from error
    if not at_least <= value <= at_most:
        raise ImproperlyConfigured(f"{name} is {value:g}; it must lie between {at_least:g} and {at_most:g}.")
    return value


def integer(name: str, default: int, *, at_least: int, at_most: int) -> int:
    """Return a whole number inside its bounds."""
    value = number(name, default, at_least=at_least, at_most=at_most)
    if value != int(value):
        raise ImproperlyConfigured(f"{name} is {value:g}; it must be a whole number.")
    return int(value)


def time_zone(name: str, default: str) -> ZoneInfo:
    """Return a time zone by its IANA name, such as ``America/Sao_Paulo``."""
    value = text(name, default) or default
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:  # an unknown name is a KeyError
        raise ImproperlyConfigured(f"{name} is {value!r}, which is not the name of a time zone.") from error


def time_of_day(name: str, default: str) -> time:
    """Return a time of day without a zone: ``HH:MM``."""
    value = text(name, default) or default
    try:
        return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {value!r}; use hours and minutes, as in 03:00.") from error


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list without empty parts."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def is_set(name: str) -> bool:
    """Say whether a variable, or the ``_FILE`` that stands for it, has been given."""
    return bool(os.environ.get(name, "").strip() or os.environ.get(f"{name}_FILE", "").strip())


def secret(name: str, default: str = "") -> str:
    """Return a secret from ``<NAME>_FILE`` (its content, stripped) or from ``NAME``. Both at once are refused."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return text(name, default)
    if os.environ.get(name):
        raise ImproperlyConfigured(f"Both {name} and {name}_FILE are set; keep one.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}_FILE points at {path!r}, which cannot be read: {error}."
        ) from error


def database(url: str) -> dict[str, object]:
    """Translate ``postgresql://user:password@host:port/name?sslmode=…`` into Django's database parameters.

    A ``host`` in the query string may be a directory of unix sockets, as libpq allows.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(f"DATABASE_URL must start with postgresql://, not {parts.scheme!r}.")
    query = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    return {
        "NAME": unquote(parts.path.lstrip("/")) or "holdfast",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.pop("host", parts.hostname or "")),
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": {name: unquote(value) for name, value in query.items()},
    }


def sqlalchemy_url(database_url: str) -> str:
    """Return the address of the same database for SQLAlchemy, which wants its driver named."""
    parts = urlsplit(database_url)
    path = parts.path if parts.path.strip("/") else "/holdfast"
    # Put together by hand: urlunsplit would drop the slashes in front of an empty host, as with unix sockets.
    return f"postgresql+psycopg2://{parts.netloc}{path}{'?' * bool(parts.query)}{parts.query}"
