"""The gate: where a turn comes in and, with it, the wish for a human.

The storey above, which opens cases, is not built yet. Until it is, a turn that asks for a human is refused as a whole:
storing it without opening a case would be the false promise that Holdfast exists to prevent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from persistence import turns
from persistence.errors import HoldfastError
from persistence.requests import TurnRequest, turn_request
from persistence.turns import RecordedTurn

NOT_REQUIRED = "handoff_not_required"


class HandoffUnavailable(HoldfastError):
    """A human was asked for and cannot be promised."""

    code = "handoff_unavailable"
    title = "No human can be promised"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "Nothing was stored and nobody was called: this installation records turns but does not open cases yet. "
            "Send the turn without 'handoff', and do not tell the customer that a human will come."
        )

    def current(self) -> dict[str, Any]:
        return {"handoff_status": self.code}


@dataclass(frozen=True, slots=True)
class GatedTurn:
    """A recorded turn and what became of the wish for a human."""

    turn: RecordedTurn
    handoff_status: str
    case_id: UUID | None


def record_turn(
    *,
    domain: str,
    channel: str,
    session_id: str,
    request_id: str,
    messages: Sequence[dict[str, Any]],
    handoff: dict[str, Any] | None = None,
    **facts: Any,
) -> GatedTurn:
    """Store a turn as ``persistence.turns.record_turn`` does; with ``handoff``, raise HandoffUnavailable."""
    given = {
        "channel": channel,
        "session_id": session_id,
        "request_id": request_id,
        "messages": list(messages),
    }
    return record(domain, turn_request(given | facts), handoff)


def record(domain: str, turn: TurnRequest, handoff: dict[str, Any] | None = None) -> GatedTurn:
    """Do what ``record_turn`` does, for a request that has been checked."""
    if handoff is not None:
        raise HandoffUnavailable
    return GatedTurn(turns.record(domain, turn), NOT_REQUIRED, None)
