"""Turns, handoffs and cases over HTTP: parse, one call, answer."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import Field

from handoff import gate
from handoff.answers import CaseAnswer, CasesAnswer, ContextAnswer, HandoffAnswer
from handoff.cases import transitions
from handoff.cases.selectors import case_fields, find_case, list_cases
from handoff.context import context
from handoff.requests import HandoffRequest, Transition
from handoff.wish import request_handoff
from persistence.database import translated
from persistence.errors import NotFound
from persistence.history import find_conversation
from persistence.http.answers import Problem, TurnAnswer, answer
from persistence.http.metrics import observed_turn
from persistence.requests import TurnRequest
from persistence.session.service import as_json

router = Router(tags=["turns"])
cases_router = Router(tags=["cases"])
ANSWERS = {200: TurnAnswer, 201: TurnAnswer} | dict.fromkeys((401, 403, 409, 413, 422, 503), Problem)
DEFAULT_TOKENS, MAX_TOKENS = 4_000, 200_000
PROMISES = dict.fromkeys((200, 201), HandoffAnswer)
FAILURES = dict.fromkeys((401, 403, 404, 409, 413, 422, 503), Problem)
READING = dict.fromkeys((401, 403, 404, 422, 503), Problem)
LISTING = dict.fromkeys((401, 403, 422, 503), Problem)


class GatedTurnRequest(TurnRequest):
    """A turn, and with ``handoff`` the wish for a human."""

    handoff: HandoffRequest | None = Field(None, description="Ask for a human in the turn's transaction.")


class LaterHandoffRequest(HandoffRequest):
    """A wish for a human that comes without a turn."""

    request_id: str | None = Field(None, min_length=1, max_length=200)


@router.post("/turns", response=ANSWERS, summary="Store one exchange")
def post_turn(request: HttpRequest, turn: GatedTurnRequest) -> HttpResponse:
    """Store what the user said and what was answered. 201: committed. 200: it was stored before, here it is again.

    Nothing is answered with 2xx before the database has committed. On 503, or no answer at all, send the same request
    again: the same ``request_id`` never stores a second turn. With ``handoff``, the case exists exactly when the turn
    does, and ``handoff_status`` says what you may tell the customer.
    """
    with observed_turn() as observe:
        found = gate.record(domain_of(request), turn, turn.handoff)
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
            "session_state": as_json(found.session_state) if found.session_state else None,
        },
    )


@cases_router.post(
    "/conversations/{conversation_id}/handoff",
    response=PROMISES | FAILURES,
    summary="Ask for a human",
)
def post_handoff(request: HttpRequest, conversation_id: UUID, wish: LaterHandoffRequest) -> HttpResponse:
    """Open a case for a conversation, or join its live one. 201: opened. 200: there was one."""
    found = request_handoff(domain_of(request), conversation_id, wish, request_id=wish.request_id)
    return answer(201 if found.fresh else 200, found.as_json())


@cases_router.get(
    "/conversations/{conversation_id}/context",
    response={200: ContextAnswer} | READING,
    summary="What the assistant needs next",
)
def get_context(
    request: HttpRequest,
    conversation_id: UUID,
    token_budget: int = Query(DEFAULT_TOKENS, ge=1, le=MAX_TOKENS),
) -> HttpResponse:
    """Return who is in control, the last turns that fit, what a human did meanwhile, and a summary of the rest."""
    with translated():
        found = find_conversation(domain_of(request), conversation_id)
        if found is None:
            raise NotFound("conversation")
        return answer(200, context(found, token_budget))


@cases_router.get(
    "/cases", response={200: CasesAnswer} | LISTING, summary="List live cases, most urgent first"
)
def get_cases(
    request: HttpRequest,
    status: str | None = Query(None, max_length=20),
    queue: str | None = Query(None, max_length=63),
    assignee: str | None = Query(None, max_length=150),
    limit: int = Query(50, ge=1, le=200),
    after: str | None = Query(None, max_length=200),
) -> HttpResponse:
    """List the cases of the key's domain. Without ``status``: all that are live."""
    with translated():
        page = list_cases(
            domain_of(request), status=status, queue=queue, assignee=assignee, limit=limit, after=after
        )
    return answer(200, page)


@cases_router.get(
    "/cases/{case_id}", response={200: CaseAnswer} | READING, summary="Read a case and its history"
)
def get_case(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Return a case with its due times and everything that happened to it."""
    with translated():
        found = find_case(domain_of(request), case_id)
        return answer(200, case_fields(found, with_events=True))


@cases_router.post(
    "/cases/{case_id}/transitions", response={200: CaseAnswer} | FAILURES, summary="Act on a case"
)
def post_transition(request: HttpRequest, case_id: UUID, step: Transition) -> HttpResponse:
    """Claim, release, reply, note, return to the bot, close, cancel, reopen, … With ``version``: only if still so."""
    key = request.auth  # type: ignore[attr-defined]
    case = transitions.apply(case_id, step, domain=key.domain, key_name=getattr(key, "name", "") or "key")
    return answer(200, case_fields(case))


def domain_of(request: HttpRequest) -> str:
    """Return the domain that the caller's key opens."""
    domain: str = request.auth.domain  # type: ignore[attr-defined]
    return domain
