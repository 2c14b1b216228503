"""Follows the hash chains of conversations, turn by turn."""

from dataclasses import dataclass
from uuid import UUID

from persistence.archive.objects import ArchivedTurn
from persistence.content import first_digest


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """Where a conversation's chain does not hold, and in which way."""

    conversation_id: str
    seq: int
    reason: str


class ChainCheck:
    """Sees turns ordered by conversation and seq, and remembers where one does not follow from the one before it."""

    def __init__(self) -> None:
        self._breaks: list[ChainBreak] = []
        self._conversation: UUID | None = None
        self._seq = 0
        self._last_seq = 0
        self._digest = b""

    def see(self, turn: ArchivedTurn, last_seq: int | None = None, chain_head: bytes | None = None) -> None:
        """Check one turn; ``last_seq`` and ``chain_head`` are what its conversation claims, where that is known."""
        if turn.conversation_id != self._conversation:
            self._leave()
            self._conversation, self._seq = turn.conversation_id, 0
            self._digest = first_digest(turn.conversation_id)
        if turn.seq != self._seq + 1:
            self._break(turn.seq, f"turn {self._seq + 1} is missing before it")
        elif turn.prev_digest != self._digest:
            self._break(turn.seq, "it does not follow from the turn before it")
        elif fault := turn.fault():
            self._break(turn.seq, fault)
        elif turn.seq == last_seq and turn.digest != chain_head:
            self._break(turn.seq, "the conversation's chain head is another one")
        self._seq, self._digest, self._last_seq = turn.seq, turn.digest, last_seq or turn.seq

    def finish(self) -> list[ChainBreak]:
        """Return every break, after the last turn was seen."""
        self._leave()
        self._conversation = None
        return self._breaks

    def _leave(self) -> None:
        if self._conversation is not None and self._seq < self._last_seq:
            self._break(self._last_seq, f"turns {self._seq + 1} to {self._last_seq} are missing")

    def _break(self, seq: int, reason: str) -> None:
        self._breaks.append(ChainBreak(str(self._conversation), seq, reason))
