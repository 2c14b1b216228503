"""Whether a summariser is worth asking: when nobody was served several times in a row, it is left alone for a while."""

import time

from django.conf import settings

from summarization.compose import Composed
from summarization.summarizers.port import Summarizer

STRIKES = 3
# For so long a process lets it rest before it tries again, once: a night must not wait out thousands of time-outs.
REST_SECONDS = 300.0


class Breaker:
    """What this process knows of one summariser. Chunks come and go; what they found out stays."""

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        self._rest_seconds = rest_seconds
        self._strikes = 0
        self._rests_until = 0.0

    @property
    def may_ask(self) -> bool:
        """Say whether it has served lately, or has rested since it did not."""
        return self._strikes < STRIKES or time.monotonic() >= self._rests_until

    def note(self, composed: Composed) -> None:
        """Learn from a conversation about which it was asked. A bad answer is an answer."""
        if not composed.unavailable:
            self._strikes = 0
            return
        self._strikes += 1
        self._rests_until = time.monotonic() + self._rest_seconds


def breaker_of(summarizer: Summarizer) -> Breaker:
    """Return this process' breaker of the summariser, which is its endpoint's."""
    return _breakers.setdefault((summarizer.name, summarizer.model, settings.OPENAI_BASE_URL), Breaker())


_breakers: dict[tuple[str, str, str], Breaker] = {}
