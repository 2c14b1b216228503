"""Updates of an open page without a connection that stays open.

The page asks every few seconds. As long as nothing has changed it costs a few look-ups by key and an empty 304: no
thread of the web server is held, whatever the number of open pages, and any proxy lets it through.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.utils.timezone import now as clock

from handoff.admin.summary import summary_of
from handoff.admin.timeline import Thread, news
from handoff.models import CaseEvent, SupportCase

MINUTE = 60  # seconds; the words about due times change as often


def state_of(case: SupportCase) -> str:
    """Return a tag that differs whenever the page would read differently."""
    conversation = case.conversation
    parts = (
        *(case.pk, case.version, case.event_seq, conversation.last_seq, conversation.control_epoch),
        summary.number if (summary := summary_of(conversation)) else 0,
        int(clock().timestamp()) // MINUTE,
    )
    return '"' + "-".join(str(part) for part in parts) + '"'


def changed_since(request: HttpRequest, case: SupportCase) -> HttpResponse | None:
    """Return 304 for a reader who has this state already; None where there is news."""
    tag = state_of(case)
    if request.headers.get("If-None-Match") != tag:
        return None
    response = HttpResponseNotModified()
    response["ETag"], response["Cache-Control"] = tag, "no-store"
    return response


def fragment(
    request: HttpRequest, case: SupportCase, events: list[CaseEvent], context: dict[str, Any]
) -> tuple[Thread, HttpResponse]:
    """Return what is new in the thread, and the parts of the page that change, as HTML.

    The reader says what it has: ``?seq=`` the last turn and ``?event=`` the last event. A reader of an older window
    (``?seq=`` missing) is told of the rest of the page only.
    """
    seq, event = number_in(request.GET, "seq"), number_in(request.GET, "event")
    last, last_event = case.conversation.last_seq, case.event_seq
    reads_along = seq is not None and event is not None
    found = (
        news(case.conversation, events, seq or 0, event or 0)
        if reads_along
        else Thread([], last + 1, last, False, None, None, last_event)
    )
    response = render(request, "handoff/admin/case_update.html", context | {"thread": found})
    response["Cache-Control"] = "no-store"
    if found.last >= last:  # a reader who was away for long comes back for the rest
        response["ETag"] = state_of(case)
    return found, response


def number_in(values: Mapping[str, str], name: str) -> int | None:
    """Return a whole number from an address or a form, or None."""
    text = values.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
