"""The gate: where a turn comes in and, with it, the wish for a human.

A turn alone is one statement. A turn with a handoff, or one in a conversation that a human has, is one transaction in
which turn, case, attempt, case event and outbox events exist together or not at all.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from handoff.cases.actor import Actor
from handoff.cases.opening import ask_for_human
from handoff.cases.said import note_turn
from handoff.errors import HandoffUnavailable
from handoff.models import CaseEvent
from handoff.requests import HandoffRequest, handoff_request
from persistence import turns
from persistence.control import lock_conversation
from persistence.database import translated
from persistence.errors import HoldfastError, PersistenceUnavailable, RequestIdReused
from persistence.ladder.measure import timed
from persistence.models import Conversation
from persistence.recent import cache
from persistence.requests import TurnRequest, turn_request
from persistence.session.port import SessionState
from persistence.session.service import after_turn
from persistence.turns import OtherControl, RecordedTurn, lost_request_race, write_turn

log = logging.getLogger(__name__)
NOT_REQUIRED = "handoff_not_required"
CALLER = Actor("turn", "api")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GatedTurn:
    """A recorded turn and what became of the wish for a human; ``case_id`` is that of the live case, if any.

    ``session_state`` is the session's hot state with this turn in it; None where it cannot be known now.
    """

    turn: RecordedTurn
    handoff_status: str
    case_id: UUID | None
    session_state: SessionState | None = None


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
    """Store a turn as ``persistence.turns.record_turn`` does; with ``handoff``, open or join a case with it.

    ``handoff`` may hold reason_code, reason, priority, queue, consent_required and customer. Raises what
    ``record_turn`` raises, and HandoffUnavailable in place of PersistenceUnavailable where a human was asked for.
    """
    given = {
        "channel": channel,
        "session_id": session_id,
        "request_id": request_id,
        "messages": list(messages),
    }
    wish = None if handoff is None else handoff_request(handoff)
    return record(domain, turn_request(given | facts), wish)


def record(domain: str, turn: TurnRequest, wish: HandoffRequest | None = None) -> GatedTurn:
    """Do what ``record_turn`` does, for a request that has been checked.

    1. the turn, durably · 2. its session's hot state, which can neither fail nor hold up what is committed.
    """
    with timed("turn"):
        gated = committed(domain, turn, wish)
    return replace(gated, session_state=follow(domain, turn, gated.turn))


def committed(domain: str, turn: TurnRequest, wish: HandoffRequest | None) -> GatedTurn:
    """Write the turn, and the promise where one is asked for, in the least that this needs."""
    if wish is not None:
        return promising(lambda: with_handoff(domain, turn, wish))
    try:
        return GatedTurn(turns.record(domain, turn, only_under="bot"), NOT_REQUIRED, None)
    except OtherControl:
        return in_one_transaction(lambda: under_human_eyes(domain, turn))


def follow(domain: str, turn: TurnRequest, recorded: RecordedTurn) -> SessionState | None:
    """Let what is hot follow a committed turn: its conversation's recent turns, then its session's state."""
    try:
        cache.append(domain, recorded)
    except Exception:  # a defect, and the turn is durable: its answer must not suffer
        log.exception("a turn could not be put into the cache of recent turns")
    return after_turn(domain, turn, recorded)


def with_handoff(domain: str, turn: TurnRequest, wish: HandoffRequest) -> GatedTurn:
    """Write the turn and make the promise. A repeated request is answered as before."""
    recorded = write_turn(domain, turn)
    if recorded.replayed:
        return as_before(turn, recorded)
    if recorded.control != "bot":
        note_turn(turn, recorded)
    pk = Conversation.objects.values_list("pk", flat=True).get(public_id=recorded.conversation_id)
    conversation = lock_conversation(pk)
    asked = ask_for_human(
        conversation, wish, actor=CALLER, key=f"turn:{recorded.turn_id}", turn_id=recorded.turn_id
    )
    moved = replace(recorded, control=conversation.control, control_epoch=conversation.control_epoch)
    return GatedTurn(moved, asked.status, asked.case.case_id)


def as_before(turn: TurnRequest, recorded: RecordedTurn) -> GatedTurn:
    """Return what the first request was answered. Raises RequestIdReused where that one asked for no human."""
    event = (
        CaseEvent.objects.select_related("case")
        .filter(turn_id=recorded.turn_id, kind__in=("opened", "asked_again"))
        .first()
    )
    if event is None:
        raise RequestIdReused(turn.request_id)
    return GatedTurn(recorded, event.data["handoff_status"], event.case.case_id)


def under_human_eyes(domain: str, turn: TurnRequest) -> GatedTurn:
    """Write a turn of a conversation that waits for a human or is in human hands, and tell its case."""
    recorded = write_turn(domain, turn)
    case = None if recorded.replayed else note_turn(turn, recorded)
    return GatedTurn(recorded, NOT_REQUIRED, case.case_id if case else None)


def promising(work: Callable[[], T]) -> T:
    """Run what promises a human, in one transaction. Raises HandoffUnavailable when it did not go through.

    What the caller did wrong, and what has changed meanwhile, is told as it is.
    """
    refuse_inside_another()
    try:
        return in_one_transaction(work)
    except PersistenceUnavailable as error:
        raise HandoffUnavailable from error
    except HoldfastError:
        raise
    except Exception as error:
        log.exception("a handoff failed and was rolled back as a whole")
        raise HandoffUnavailable from error


def in_one_transaction(work: Callable[[], T]) -> T:
    """Run the work in a durable transaction; once more where it lost a race for its request id."""
    refuse_inside_another()
    with translated():
        try:
            with transaction.atomic(durable=True):
                return work()
        except IntegrityError as error:
            if not lost_request_race(error):
                raise
        with transaction.atomic(durable=True):
            return work()


def refuse_inside_another() -> None:
    """Raise RuntimeError inside a transaction: what is promised there could still be rolled back."""
    if connection.in_atomic_block:
        raise RuntimeError("The gate opens its own durable transaction and cannot run inside another one.")
