"""What the desk knows of a conversation that is summarised."""

from collections.abc import Sequence

from summarization.outside import Outcome


class Desk:
    """The ``Outside`` of ``SUMMARY_OUTSIDE``: cases and endpoints."""

    def outcomes(self, conversation_pks: Sequence[int]) -> dict[int, Outcome]:
        return {}

    def listeners(self, domain: str) -> list[str]:
        return []
