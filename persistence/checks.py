"""System checks of the settings that persistence stands on."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from persistence.archive.sinks import open_sink
from persistence.archive.store import sink_config
from persistence.privacy.hashing import parse_secrets

DEVELOPMENT_MARK = "development-only"


@register(Tags.database)
def check_database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Turns need Postgres; nothing is ever assumed to listen on a default port.

    Asked of commands that are about to use the database, such as migrate; makemigrations can do without.
    """
    if settings.DATABASE_URL or not databases:
        return []
    hint = "Set DATABASE_URL, or start private servers with 'manage.py services start' (or all of it with 'make up')."
    return [Error("No database is configured.", hint=hint, id="persistence.E001")]


@register
def check_hash_secret(**_: Any) -> list[CheckMessage]:
    """Session ids are hashed with this; without it nothing may be stored."""
    try:
        parse_secrets(settings.HASH_SECRET)
    except ValueError as error:
        hint = "Set HASH_SECRET or HASH_SECRET_FILE: 32 random characters, or versions as in 2:new,1:old."
        return [Error(f"HASH_SECRET: {error}", hint=hint, id="persistence.E002")]
    return []


@register
def check_archive(**_: Any) -> list[CheckMessage]:
    """The off-box copy needs a place. Nothing is contacted here."""
    try:
        open_sink(sink_config()).close()
    except ValueError as error:
        hint = "Set ARCHIVE_URL to file:///directory or s3://bucket/prefix."
        return [Error(f"ARCHIVE_URL: {error}", hint=hint, id="persistence.E003")]
    return []


@register(Tags.security, deploy=True)
def check_secrets_are_real(**_: Any) -> list[CheckMessage]:
    """What development may share with everybody, production may not."""
    shared = [name for name in ("SECRET_KEY", "HASH_SECRET") if DEVELOPMENT_MARK in getattr(settings, name)]
    hint = "Set it to 50 random characters, or name a file with <NAME>_FILE."
    return [
        Error(f"{name} is the one that development uses.", hint=hint, id="persistence.E004")
        for name in shared
    ]
