"""System checks of the settings that claim checks stand on."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

from persistence.archive.sinks import Presigns, open_sink
from persistence.claim_check.store import claims_config


@register
def check_claims(**_: Any) -> list[CheckMessage]:
    """Claims need a place, and a way for others to it. Nothing is contacted here."""
    try:
        store = open_sink(claims_config())
    except ValueError as error:
        hint = "Set CLAIM_CHECK_URL to file:///directory or s3://bucket/prefix."
        return [Error(f"CLAIM_CHECK_URL: {error}", hint=hint, id="persistence.E005")]
    store.close()
    parts = urlsplit(settings.PUBLIC_URL)
    if settings.PUBLIC_URL and (parts.scheme not in ("http", "https") or not parts.netloc):
        hint = "Write it like https://holdfast.example."
        return [
            Error(
                f"PUBLIC_URL {settings.PUBLIC_URL!r} is no address of a site.",
                hint=hint,
                id="persistence.E006",
            )
        ]
    if not settings.PUBLIC_URL and not isinstance(store, Presigns):
        message = "Nobody can fetch a claim check: it lies in a directory, and PUBLIC_URL is not set."
        hint = "Set PUBLIC_URL to where others reach this installation, or keep claims in s3://."
        return [Caution(message, hint=hint, id="persistence.W001")]
    return []
