"""Small pieces of markup that all admin pages share. What came from outside is escaped and isolated.

``<bdi>`` keeps a text's own direction, and override characters in it, from reordering what stands beside it.
"""

import json
import re
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

UUID_LENGTH = 36
PLAIN = re.compile(r"id|sha256|.*_(id|ids|at)", re.DOTALL)
COLOURS = {"good", "bad", "warn", "busy", "calm"}
OUTCOMES = {
    "delivered": "good",
    "failed": "warn",
    "unavailable": "warn",
    "dead": "bad",
    "gone": "bad",
    "parked": "warn",
}
STATUSES = {"pending": "busy", "delivered": "good", "dead": "bad", "parked": "warn"}


def badge(text: str, colour: str = "calm") -> SafeString:
    """Return a short word on a coloured ground; the word says it all, the colour only helps."""
    known = colour if colour in COLOURS else "calm"
    return format_html('<span class="hf-badge hf-{}">{}</span>', known, text)


def status_badge(status: str) -> SafeString:
    """Return a delivery's status, coloured."""
    return badge(status, STATUSES.get(status, "calm"))


def attempt_badge(outcome: str) -> SafeString:
    """Return how a send ended, coloured; one without an end runs now, or its worker died."""
    return badge(outcome.replace("_", " ") or "no end", OUTCOMES.get(outcome, "busy"))


def code(text: object) -> SafeString:
    """Return an id or a key, in a fixed-width font, isolated; one as short as a UUID stays on one line."""
    shape = "hf-code hf-whole" if len(str(text)) <= UUID_LENGTH else "hf-code"
    return format_html('<bdi class="{}">{}</bdi>', shape, text)


def short(text: object) -> SafeString:
    """Return a UUID by its first and last characters, for a list; the whole of it is the hint."""
    whole = str(text)
    return format_html('<bdi class="hf-code hf-whole" title="{}">{}…{}</bdi>', whole, whole[:8], whole[-6:])


def link(url_name: str, pk: object, content: object) -> SafeString:
    """Return a link to an admin page."""
    address = reverse(f"admin:{url_name}", args=(pk,))
    return format_html('<a class="hf-link" href="{}">{}</a>', address, content)


def json_block(value: Any) -> SafeString:
    """Return a JSON value, readable, with every character as it is stored."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="hf-json"><bdi>{}</bdi></pre>', text)


def plain_block(text: str) -> SafeString:
    """Return a text of several lines as it is stored."""
    return format_html('<pre class="hf-json"><bdi>{}</bdi></pre>', text)


def veiled(value: Any, key: str = "") -> Any:
    """Return a JSON value with each text replaced by its length, but for ids and times, which say nothing themselves.

    What customers said is read where the reading is recorded, never in passing on the way through the outbox.
    """
    if isinstance(value, dict):
        return {name: veiled(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [veiled(inner, key) for inner in value]
    if isinstance(value, str) and not PLAIN.fullmatch(key):
        return f"({len(value):,} characters)"
    return value


def when(moment: datetime | None, empty: str = "–") -> SafeString | str:
    """Return a time in the configured zone to the second, with the exact one as a hint."""
    if moment is None:
        return empty
    local = localtime(moment)
    return format_html(
        '<time class="hf-time" datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        local.isoformat(sep=" ", timespec="microseconds"),
        local.strftime("%Y-%m-%d %H:%M:%S"),
    )
