"""System checks of the settings that summaries stand on."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004

MODEL_LENGTH = 200  # as in the tables
DISMISS = "Set OPENAI_MODEL, and OPENAI_API_KEY or OPENAI_API_KEY_FILE; or SUMMARY_BACKEND=extractive."


@register
def check_model(**_: Any) -> list[CheckMessage]:
    """A model that is paid for must be named, and so must its key."""
    if settings.SUMMARY_BACKEND != "openai":
        return []
    missing = [name for name in ("OPENAI_MODEL", "OPENAI_API_KEY") if not getattr(settings, name)]
    return [
        Error(f"SUMMARY_BACKEND is openai, and {name} is not set.", hint=DISMISS, id="summarization.E001")
        for name in missing
    ]


@register
def check_model_fits(**_: Any) -> list[CheckMessage]:
    """A key goes out in a header, a model's name into a column."""
    if settings.SUMMARY_BACKEND != "openai":
        return []
    found: list[CheckMessage] = []
    if not (settings.OPENAI_API_KEY.isascii() and settings.OPENAI_API_KEY.isprintable()):
        text = "OPENAI_API_KEY has characters that no key has, such as a line break."
        found.append(Error(text, hint="Copy the key again.", id="summarization.E003"))
    if len(settings.OPENAI_MODEL) > MODEL_LENGTH:
        text = f"OPENAI_MODEL has more than {MODEL_LENGTH} characters."
        found.append(
            Error(text, hint="Give the model a shorter name at its endpoint.", id="summarization.E004")
        )
    return found


@register
def check_address(**_: Any) -> list[CheckMessage]:
    """What customers said goes to an address that is one, and in production under TLS."""
    if settings.SUMMARY_BACKEND != "openai":
        return []
    parts = _split(settings.OPENAI_BASE_URL)
    if not parts:
        text = "OPENAI_BASE_URL is not an address of an API."
        hint = "Use http:// or https://, a host and a path, such as https://api.openai.com/v1; no user, no query."
        return [Error(text, hint=hint, id="summarization.E002")]
    if parts.scheme == "https" or settings.DEVELOPMENT or _is_loopback(parts.hostname or ""):
        return []
    text = "OPENAI_BASE_URL is http://: the key and what customers said can be read on the way."
    hint = "Use https://, or a proxy on this machine that speaks TLS to the model."
    return [Warning(text, hint=hint, id="summarization.W002")]


@register
def check_prices(**_: Any) -> list[CheckMessage]:
    """A budget in money means nothing while prices are unknown."""
    priced = settings.SUMMARY_USD_PER_MILLION_IN or settings.SUMMARY_USD_PER_MILLION_OUT
    if settings.SUMMARY_BACKEND != "openai" or priced or not settings.SUMMARY_BUDGET_USD:
        return []
    hint = "Set SUMMARY_USD_PER_MILLION_IN and SUMMARY_USD_PER_MILLION_OUT, or SUMMARY_BUDGET_USD=0 for no limit."
    return [
        Warning(
            "A night's budget in money cannot hold: the model's prices are not set.",
            hint=hint,
            id="summarization.W001",
        )
    ]


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address that can be asked, or None."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    printable = url.isascii() and url.isprintable() and " " not in url
    alone = "@" not in parts.netloc and not parts.query and not parts.fragment
    return parts if usable and printable and alone else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
