"""Which summarisers there are. One line each."""

from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from summarization.summarizers.port import Summarizer

# By name, as connectors are: a web process that has no use for a model's client does not load it (0.8 s, 17 MB).
SUMMARIZERS: dict[str, str] = {
    "extractive": "summarization.summarizers.extractive.Extractive",
    "openai": "summarization.summarizers.openai.OpenAI",
}
FALLBACK = "extractive"

# What a summariser reads when it is made: another value makes another one.
_READ_ONCE = (
    "SUMMARY_MOST_WORDS",
    "SUMMARY_PART_TOKENS",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_MODEL",
    "OPENAI_TIMEOUT_SECONDS",
)


class UnknownSummarizer(LookupError):
    """No summariser of that name is part of this release."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no summariser {name!r}; there are {', '.join(sorted(SUMMARIZERS))}.")


def summarizer(name: str) -> Summarizer:
    """Return the summariser of that name; one instance serves every thread. Raises UnknownSummarizer."""
    if name not in SUMMARIZERS:
        raise UnknownSummarizer(name)
    return _made(name, *(getattr(settings, setting) for setting in _READ_ONCE))


def configured() -> Summarizer:
    """Return the one that SUMMARY_BACKEND names."""
    return summarizer(settings.SUMMARY_BACKEND)


def fallback() -> Summarizer:
    """Return the one that needs nobody: what it makes stands in for what another could not."""
    return summarizer(FALLBACK)


@lru_cache(maxsize=8)
def _made(name: str, *_made_for: Any) -> Summarizer:
    return cast(Summarizer, import_string(SUMMARIZERS[name])())
