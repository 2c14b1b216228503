"""Reading conversations over HTTP. A key sees its own domain; everything else is not there."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from persistence.database import translated
from persistence.errors import NotFound
from persistence.history import MAX_LIMIT, FoundConversation, find_conversation, history
from persistence.http.answers import ConversationAnswer, Problem, TurnsAnswer, answer, as_json

router = Router(tags=["conversations"])
FAILURES = {401: Problem, 403: Problem, 404: Problem, 422: Problem, 503: Problem}


@router.get("/conversations/{conversation_id}", response={200: ConversationAnswer} | FAILURES)
def get_conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Say how a conversation stands: who is in control, its last turn, how far it is archived."""
    with translated():
        found = visible(request, conversation_id)
    return answer(200, fields(found, leave_out=("pk", "session_hash")))


@router.get("/conversations/{conversation_id}/turns", response={200: TurnsAnswer} | FAILURES)
def get_turns(
    request: HttpRequest,
    conversation_id: UUID,
    after_seq: int | None = Query(None, ge=0, le=2**62),
    before_seq: int | None = Query(None, ge=0, le=2**62),
    limit: int = Query(50, ge=1, le=MAX_LIMIT),
) -> HttpResponse:
    """Read turns in the order said: those after a seq, the last ones before a seq, or from the beginning."""
    with translated():
        conversation = visible(request, conversation_id)
        turns = history(conversation, after_seq=after_seq, before_seq=before_seq, limit=limit)
    last = turns[-1].seq if turns else None
    first = turns[0].seq if turns else None
    page: dict[str, Any] = {
        "turns": [{name: as_json(value) for name, value in turn._asdict().items()} for turn in turns],
        "next_after_seq": last if last is not None and last < conversation.last_seq else None,
        "previous_before_seq": first if first is not None and first > 1 else None,
    }
    return answer(200, page)


def visible(request: HttpRequest, conversation_id: UUID) -> FoundConversation:
    """Return the conversation if the caller's key may see it. Raises NotFound."""
    found = find_conversation(request.auth.domain, conversation_id)  # type: ignore[attr-defined]
    if found is None:
        raise NotFound("conversation")
    return found


def fields(row: Any, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a slotted dataclass as a dictionary, one level deep: values are not copied."""
    return {name: getattr(row, name) for name in row.__slots__ if name not in leave_out}
