"""What the storeys above know of a conversation, asked through ``SUMMARY_OUTSIDE`` so that nothing imports upward."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from summarization.draft import Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation stands by its case. ``because`` says why in a few words: ``case closed as resolved``."""

    status: Status
    because: str


class Outside(Protocol):
    """One storey above. Only reads; may be called inside a transaction."""

    def outcomes(self, conversation_pks: Sequence[int]) -> dict[int, Outcome]:
        """Return how these conversations stand, by primary key; those without a case are left out."""
        ...

    def listeners(self, domain: str) -> list[str]:
        """Return the names of the outbox destinations that want this domain's ``conversation.summarized``."""
        ...


def outside() -> Outside:
    """Return the instance that the settings name."""
    return _made(settings.SUMMARY_OUTSIDE)


@lru_cache(maxsize=4)
def _made(path: str) -> Outside:
    return cast(Outside, import_string(path)())
