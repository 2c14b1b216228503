"""``POST /turns``: parse, one call, answer."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from handoff import gate
from persistence.http.answers import Problem, TurnAnswer, answer
from persistence.http.metrics import observed_turn
from persistence.requests import TurnRequest

router = Router(tags=["turns"])
ANSWERS = {200: TurnAnswer, 201: TurnAnswer} | dict.fromkeys((401, 403, 409, 413, 422, 503), Problem)


class GatedTurnRequest(TurnRequest):
    """A turn, and with ``handoff`` the wish for a human."""

    handoff: dict[str, Any] | None = Field(
        None, description="Not available yet: answered with handoff_unavailable."
    )


@router.post("/turns", response=ANSWERS, summary="Store one exchange")
def post_turn(request: HttpRequest, turn: GatedTurnRequest) -> HttpResponse:
    """Store what the user said and what was answered. 201: committed. 200: it was stored before, here it is again.

    Nothing is answered with 2xx before the database has committed. On 503, or no answer at all, send the same request
    again: the same ``request_id`` never stores a second turn.
    """
    with observed_turn() as observe:
        found = gate.record(request.auth.domain, turn, turn.handoff)  # type: ignore[attr-defined]
        observe("replayed" if found.turn.replayed else "created")
    return answer(
        200 if found.turn.replayed else 201,
        {
            "turn_id": found.turn.turn_id,
            "conversation_id": found.turn.conversation_id,
            "seq": found.turn.seq,
            "replayed": found.turn.replayed,
            "persistence_status": "persisted",
            "handoff_status": found.handoff_status,
            "case_id": found.case_id,
            "control": found.turn.control,
            "control_epoch": found.turn.control_epoch,
        },
    )
