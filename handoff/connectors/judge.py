"""What a desk's HTTP answer, or the lack of one, means for the event that was sent. One table for every desk.

=====================================  ==========================================================================
2xx                                    Delivered
410                                    Gone: the endpoint exists no more
401, 403                               Unavailable("unauthorized"): our credentials are at fault, not this event
429                                    Unavailable("rate_limited"), for at least a minute
3xx                                    Unavailable("redirected"): the address is wrong for every event
408, 425, 5xx, anything odd            Failed: it may go better next time; 503 says when
other 4xx                              Dead("http_<status>"): this desk will never take this event
refused, no such name, TLS, blocked    Unavailable(<code>): nothing was sent
time-out or loss after sending         Failed(<code>), for at least a minute: the outcome is unknown
=====================================  ==========================================================================
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from handoff.connectors.port import Answer, Desk, DeskTrouble
from handoff.net.client import NetError, Reply, request
from outbox.outcomes import Dead, Delivered, Failed, Gone, Outcome, Unavailable
from persistence.privacy.redaction import redact_text

SHORTEST_WAIT = 60.0  # seconds after a rate limit or an unknown outcome
LONGEST_WAIT = 3600.0  # a desk that asks for a day would silence itself by a slip of its clock
EXCERPT_LENGTH = 500
LONGEST_READ = 8192  # characters that an excerpt is made from
SEND_DEADLINE = 20.0

_UNREADABLE = object()


def call(
    desk: Desk,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes = b"",
    deadline: float | None = None,
    max_bytes: int = 65536,
) -> Reply:
    """Send one request and return its 2xx reply. Raises DeskTrouble with the judgement of anything else.

    What the desk says is kept for people without the desk's secrets and without the values of ``headers``
    that carry credentials: a desk that echoes a request must not put them into the attempt log.
    """
    try:
        reply = request(
            method,
            url,
            headers=headers,
            content=content,
            deadline=deadline or SEND_DEADLINE,
            max_bytes=max_bytes,
        )
    except NetError as error:
        # Not chained: the cause may hold the request, and with it the credentials.
        raise DeskTrouble(unanswered(error)) from None
    answer = judged(reply, hide=[*hidden(desk), *_credentials(headers)])
    if not isinstance(answer.outcome, Delivered):
        raise DeskTrouble(answer)
    return reply


def judged(reply: Reply, *, hide: Iterable[str] = (), now: datetime | None = None) -> Answer:
    """Return what ``reply`` means. ``hide`` lists what must not appear in the excerpt."""
    return Answer(
        outcome=_outcome(reply.status, reply.headers, now or datetime.now(UTC)),
        status_code=reply.status,
        excerpt=excerpt(reply.body, hide),
    )


def unanswered(error: NetError) -> Answer:
    """Return what it means that there was no answer at all."""
    if error.sent:
        return Answer(Failed(error.code, after=SHORTEST_WAIT))
    return Answer(Unavailable(error.code))


def unreadable(reply: Reply, *, desk: Desk) -> DeskTrouble:
    """Return the trouble of a 2xx answer that lacks what the desk's documentation promises.

    The ticket may exist, so this is an unknown outcome, like a lost answer.
    """
    outcome = Failed("unreadable_answer", after=SHORTEST_WAIT)
    return DeskTrouble(Answer(outcome, status_code=reply.status, excerpt=excerpt(reply.body, hidden(desk))))


def json_of(reply: Reply, *, desk: Desk) -> dict[str, Any]:
    """Return the JSON object in ``reply``. Raises DeskTrouble (unreadable_answer) where there is none."""
    found = _parsed(reply.body)
    if reply.truncated or not isinstance(found, dict):
        raise unreadable(reply, desk=desk)
    return found


def hidden(desk: Desk) -> list[str]:
    """Return every secret of the desk, old ones too."""
    return [value for values in desk.secrets.values() for value in values]


def excerpt(body: bytes, hide: Iterable[str] = ()) -> str:
    """Return at most 500 printable characters of ``body``: secrets, card numbers and addresses replaced."""
    text = body.decode("utf-8", errors="replace")
    for form in _forms(hide):
        text = text.replace(form, "[SECRET]")
    # Cut before it is redacted: a hostile megabyte takes seconds there.
    printable = "".join(character if character.isprintable() else " " for character in text[:LONGEST_READ])
    return redact_text(" ".join(printable.split()))[:EXCERPT_LENGTH]


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, within 0 and an hour.

    RFC 9110, 10.2.3: a number of seconds or an HTTP date. A date in the past is 0; what is neither is None.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_WAIT)  # nine digits are beyond the clamp; more could be 1e4000
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_WAIT)


def _outcome(status: int, headers: Mapping[str, str], now: datetime) -> Outcome:
    asked = retry_after(headers.get("retry-after", ""), now)
    match status:
        case _ if 200 <= status < 300:
            return Delivered()
        case 410:
            return Gone("gone")
        case 401 | 403:
            return Unavailable("unauthorized")
        case 429:
            return Unavailable("rate_limited", after=max(SHORTEST_WAIT, asked or 0.0))
        case 408:
            return Failed("http_408", after=SHORTEST_WAIT)
        case 503:
            return Failed("http_503", after=asked)
        case _ if 300 <= status < 400:
            return Unavailable("redirected")
        case _ if 400 <= status < 500 and status != 425:
            return Dead(f"http_{status}")
        case _:
            return Failed(f"http_{status}")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _UNREADABLE


def _credentials(headers: Mapping[str, str]) -> list[str]:
    """Return the values of headers that prove who we are, whole and without their scheme."""
    marks = ("authorization", "token", "secret", "signature", "api-key", "apikey")
    found = [value for name, value in headers.items() if any(mark in name.lower() for mark in marks)]
    return [*found, *(value.rpartition(" ")[2] for value in found)]


def _forms(secrets: Iterable[str]) -> list[str]:
    """Return how an answer may spell the secrets; the longest first, so that no part of one is left."""
    plain = {form for secret in secrets for form in (secret, secret.removeprefix("whsec_"))}
    spelled = plain | {form.replace("/", r"\/") for form in plain} | {quote(form, safe="") for form in plain}
    return sorted(filter(None, spelled), key=len, reverse=True)
