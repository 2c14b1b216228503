"""Session state over HTTP: parse, one call, answer. A key sees the sessions of its own domain."""

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Header, Router

from persistence.errors import NotFound
from persistence.http.address import utf8
from persistence.http.answers import Problem, answer
from persistence.http.auth import LastingKeyAuth, may_go_on
from persistence.http.peer import Peer
from persistence.http.problems import from_error
from persistence.session import service
from persistence.session.answers import SessionStateAnswer
from persistence.session.conditions import (
    IF_MATCH,
    IF_NONE_MATCH,
    LAST_EVENT_ID,
    carry_out,
    condition,
    etag,
    is_known,
    last_seen,
)
from persistence.session.errors import IllegalTransition, StaleVersion
from persistence.session.port import MUST_NOT_EXIST, SessionState
from persistence.session.requests import StateRequest
from persistence.session.streams import EventStream, let_go_of_postgres

router = Router(tags=["sessions"], auth=LastingKeyAuth())
STATE = "/sessions/{channel}/{anytext:session_id}/state"
EVENTS = "/sessions/{channel}/{anytext:session_id}/events"
READING = dict.fromkeys((401, 403, 404, 422, 503), Problem)
WRITING = dict.fromkeys((401, 403, 409, 412, 413, 422, 503), Problem)
CLEARING = dict.fromkeys((401, 403, 404, 412, 422, 503), Problem)
LISTENING = dict.fromkeys((401, 403, 422, 503), Problem)


@router.get(STATE, response={200: SessionStateAnswer, 304: None} | READING, summary="Read a session's state")
def get_session_state(
    request: HttpRequest,
    channel: str,
    session_id: str,
    if_none_match: str | None = Header(None, alias=IF_NONE_MATCH),
) -> HttpResponse:
    """Return the state with its version as ETag. 304: you have it already. 404: there is none, or its time is over."""
    found = service.get_state(domain_of(request), channel, utf8(request, session_id, "session_id"))
    if found is None:
        raise NotFound("session state")
    if is_known(if_none_match, found.version):
        return tagged(HttpResponse(status=304), found.version)
    return told(200, found)


@router.put(
    STATE,
    response={200: SessionStateAnswer, 201: SessionStateAnswer} | WRITING,
    summary="Put a session's state",
)
def put_session_state(
    request: HttpRequest,
    channel: str,
    session_id: str,
    state: StateRequest,
    if_match: str | None = Header(None, alias=IF_MATCH),
    if_none_match: str | None = Header(None, alias=IF_NONE_MATCH),
) -> HttpResponse:
    """Put a state in the place of the present one and tell every listener. 201: with ``If-None-Match: *``, it is new.

    With ``If-Match`` only if the present version is (one of) yours; 412 names the present one otherwise.
    """
    session = (domain_of(request), channel, utf8(request, session_id, "session_id"))

    def write(expected: int | None) -> HttpResponse:
        kept = service.put_state(*session, state, expected_version=expected)
        return told(201 if expected == MUST_NOT_EXIST else 200, kept)

    return conditional(request, if_match, if_none_match, write, partial(service.get_state, *session))


@router.delete(STATE, response={204: None} | CLEARING, summary="Clear a session's state")
def delete_session_state(
    request: HttpRequest,
    channel: str,
    session_id: str,
    if_match: str | None = Header(None, alias=IF_MATCH),
) -> HttpResponse:
    """Forget a session's state and tell every listener. 404: there was none. With ``If-Match`` as for PUT."""
    session = (domain_of(request), channel, utf8(request, session_id, "session_id"))

    def write(expected: int | None) -> HttpResponse:
        if service.clear_state(*session, expected_version=expected) is None:
            raise NotFound("session state")
        return HttpResponse(status=204)

    return conditional(request, if_match, None, write, partial(service.get_state, *session))


@router.get(EVENTS, response={200: None} | LISTENING, summary="Listen to a session")
def get_session_events(
    request: HttpRequest,
    channel: str,
    session_id: str,
    last_event_id: str | None = Header(None, alias=LAST_EVENT_ID),
) -> StreamingHttpResponse:
    """Return the session's changes as server-sent events: ``state``, ``cleared``, and ``gap`` where some were missed.

    The first is the present state. Ends after some minutes: connect again with ``Last-Event-ID``, as EventSource does.
    """
    session = (domain_of(request), channel, utf8(request, session_id, "session_id"))
    key = request.headers["Authorization"].partition(" ")[2]
    let_go_of_postgres()
    events = EventStream(
        partial(service.watch, *session, after_version=last_seen(last_event_id)),
        peer=Peer.of(request),
        may_go_on=partial(may_go_on, key),
    )
    response = StreamingHttpResponse(events, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def conditional(
    request: HttpRequest,
    if_match: str | None,
    if_none_match: str | None,
    write: Callable[[int | None], HttpResponse],
    present: Callable[[], SessionState | None],
) -> HttpResponse:
    """Write under the request's condition; a refusal carries the ETag of what is there."""
    try:
        return carry_out(condition(if_match, if_none_match), write, present)
    except (StaleVersion, IllegalTransition) as refused:
        response = from_error(request, refused)
        return tagged(response, refused.state.version) if refused.state else response


def told(status: int, state: SessionState) -> HttpResponse:
    return tagged(answer(status, service.as_json(state)), state.version)


def tagged(response: HttpResponse, version: int) -> HttpResponse:
    response["ETag"] = etag(version)
    response["Cache-Control"] = "no-store"
    return response


def domain_of(request: HttpRequest) -> str:
    """Return the domain that the caller's key opens."""
    domain: str = request.auth.domain  # type: ignore[attr-defined]
    return domain
