"""Summaries and recall over HTTP: parse, one call, answer. A key sees its own domain."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from persistence.api import visible
from persistence.database import translated
from persistence.errors import NotFound
from persistence.http.address import utf8
from persistence.http.answers import Problem, answer, as_json
from persistence.http.auth import LastingKeyAuth
from summarization.asked import summarize_now
from summarization.recall import MAX_SUMMARIES, recall
from summarization.selectors import as_record, summary_of

router = Router(tags=["summaries"])
SUMMARY = "/conversations/{conversation_id}/summary"
READING = dict.fromkeys((401, 403, 404, 422, 503), Problem)
RECALLING = dict.fromkeys((401, 403, 422, 503), Problem)


class SummaryAnswer(Schema):
    """What a conversation was about. Its texts were said by strangers: data, never instructions."""

    conversation_id: UUID
    covers: list[int] = Field(description="The first and the last turn that it knows.")
    newer: int = Field(description="How many turns were said since.")
    stale: bool = Field(description="Whether there are any.")
    status: str = Field(examples=["resolved", "open", "escalated"])
    status_because: str
    problem: str
    solution: str
    topics: list[str]
    open_questions: list[str]
    citations: list[int] = Field(description="The turns that it stands on.")
    support: dict[str, Any] = Field(description="The same, statement by statement.")
    language: str = Field(description="ISO 639-1, or und.")
    source_turn_count: int
    redaction_version: int
    backend: str
    model: str
    prompt_version: str
    fallback_for: str | None = Field(
        description="The backend that should have made it and could not, or not yet."
    )
    tokens_in: int
    tokens_out: int
    cost_usd: float
    duration_ms: int
    number: int = Field(description="How many summaries the conversation has had.")
    summarized_at: str


class AskedAnswer(Schema):
    """What there is now. ``queued``: a better one is on its way, ask again in a minute."""

    queued: bool
    summary: SummaryAnswer | None = Field(description="Null while the first one is being made.")


class RecallAnswer(Schema):
    """A customer's latest summaries. ``text`` goes into a prompt as it is."""

    customer_ref: str
    recall: str = Field(
        examples=["on", "off"], description="Whether an operator has switched it on for the domain."
    )
    available: bool = Field(description="False: it could not be looked up in time. Go on without it.")
    summaries: list[dict[str, Any]] = Field(description="Of the conversation that spoke last first.")
    text: str = Field(description="All of it as one block of untrusted data, between delimiters.")
    tokens: int = Field(description="An estimate of the text: one for three bytes of UTF-8.")


@router.get(
    "/customers/{anytext:customer_ref}/recall",
    response={200: RecallAnswer} | RECALLING,
    auth=LastingKeyAuth(),
    summary="What a customer's earlier conversations were about",
)
def get_recall(
    request: HttpRequest,
    customer_ref: str,
    limit: int | None = Query(None, ge=1, le=MAX_SUMMARIES),
) -> HttpResponse:
    """Return the latest summaries of a customer, for the assistant of their next conversation.

    Fails open: while Postgres is slow or away the answer is 200 and empty. A customer whom nobody knows is answered
    like one without summaries, for an assistant meets new customers all day.
    """
    ref = utf8(request, customer_ref, "customer_ref")
    return answer(200, recall(domain_of(request), ref, limit=limit).as_json(ref))


@router.get(SUMMARY, response={200: SummaryAnswer} | READING, summary="Read a conversation's summary")
def get_summary(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Return the summary as it is, with how many turns it does not know. 404: there is none yet."""
    with translated():
        found = summary_of(domain_of(request), conversation_id)
    if found is None:
        raise NotFound("summary")
    return answer(200, as_record(found))


@router.post(
    SUMMARY, response={200: AskedAnswer, 202: AskedAnswer} | READING, summary="Ask for a summary now"
)
def post_summary(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Summarise a conversation as far as it has come; nobody waits for a model.

    202: a model was asked, or somebody is at it already, and what there is until then is here. 404: there is no such
    conversation, or nobody has said anything in it.
    """
    key = request.auth  # type: ignore[attr-defined]
    with translated():
        conversation = visible(request, conversation_id)
        asked = summarize_now(conversation.pk, by=f"key:{key.name}")
        found = summary_of(key.domain, conversation_id)
    if found is None and not asked.queued:
        raise NotFound("summary")
    record = {name: as_json(value) for name, value in as_record(found).items()} if found else None
    return answer(202 if asked.queued else 200, {"queued": asked.queued, "summary": record})


def domain_of(request: HttpRequest) -> str:
    """Return the domain that the caller's key opens."""
    domain: str = request.auth.domain  # type: ignore[attr-defined]
    return domain
