"""Errors as ``application/problem+json`` (RFC 9457), made in one place from Holdfast's own errors."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse

from persistence.errors import HoldfastError, InvalidTurn, PersistenceUnavailable

RETRY_AFTER_SECONDS = 2


def problem(status: int, code: str, title: str, detail: str, **more: Any) -> HttpResponse:
    """Return a problem response. The text is ASCII JSON, so that even a lone surrogate in a field name can be told."""
    document = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    } | more
    return HttpResponse(json.dumps(document), status=status, content_type="application/problem+json")


def from_error(_: HttpRequest, error: HoldfastError) -> HttpResponse:
    """Translate one of Holdfast's errors; conflicts carry the values that hold now."""
    more: dict[str, Any] = error.current()
    if isinstance(error, InvalidTurn):
        more["errors"] = [{"field": found.field, "message": found.message} for found in error.errors]
    if isinstance(error, PersistenceUnavailable):
        more["persistence_status"] = "persistence_unavailable"
    response = problem(error.status, error.code, error.title, str(error), **more)
    if error.status == 503:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
