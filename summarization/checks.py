"""System checks of the settings that summaries stand on."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004

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
