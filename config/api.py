"""``/api/v1``: the routers of every storey under one door, with one way of telling errors."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from handoff.api import cases_router
from handoff.api import router as handoff_router
from handoff.inbound.api import router as inbound_router
from persistence.api import router as persistence_router
from persistence.errors import BodyTooLarge, FieldError, HoldfastError, InvalidTurn, Unauthenticated
from persistence.http.auth import ApiKeyAuth
from persistence.http.body import StrictParser
from persistence.http.problems import from_error, problem
from persistence.jsontext import refuse
from persistence.requests import MAX_BODY_BYTES
from persistence.session.api import router as sessions_router
from summarization.api import router as summaries_router

api = NinjaAPI(
    title="Holdfast",
    version="1",
    description="Keeps what an AI assistant said. Errors are application/problem+json; `code` is for machines.",
    docs_url=None,
    openapi_url="/openapi.json",
    parser=StrictParser(),
    auth=ApiKeyAuth(),
    urls_namespace="api-v1",
)
api.add_router("", handoff_router)
api.add_router("", cases_router)
api.add_router("", inbound_router)
api.add_router("", persistence_router)
api.add_router("", sessions_router)
api.add_router("", summaries_router)
api.exception_handler(HoldfastError)(from_error)


@api.exception_handler(AuthenticationError)
def unauthenticated(request: HttpRequest, _: AuthenticationError) -> HttpResponse:
    response = from_error(request, Unauthenticated())
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return from_error(request, InvalidTurn([field_error(found) for found in error.errors]))


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, _: Exception) -> HttpResponse:
    return from_error(request, BodyTooLarge(MAX_BODY_BYTES))


@api.exception_handler(UnreadablePostError)
def cut_off(request: HttpRequest, _: Exception) -> HttpResponse:
    return from_error(request, refuse("body", "ended before its Content-Length"))


@api.exception_handler(HttpError)
def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Ninja wraps what the body's parser raises; the reason inside is the better answer."""
    if isinstance(error.__cause__, HoldfastError):
        return from_error(request, error.__cause__)
    return problem(error.status_code, "refused", "The request was refused", str(error))


def field_error(found: Any) -> FieldError:
    """Name the field as the caller wrote it: without Ninja's own ("body", "turn") or ("query",) in front."""
    location = list(found["loc"])
    location = location[2:] if location[:1] == ["body"] else location[1:]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return FieldError(path[:200] or "body", found["msg"])
