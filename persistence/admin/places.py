"""Where an id in a sentence leads to, for packages above that know what it names."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

FindAddress = Callable[[Any, UUID], str | None]  # the user who reads it, the id

IDS = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_finders: list[FindAddress] = []


def add_place(find: FindAddress) -> None:
    """Say where ids lead to: ``find`` returns an address inside the admin that this user may open, or None.

    Called once per kind of thing, when an admin module loads.
    """
    _finders.append(find)


def linked(user: Any, sentence: str) -> SafeString:
    """Return the sentence with every id that leads anywhere for this user as a link."""
    pieces = IDS.split(sentence)  # every second one is an id
    return format_html_join("", "{}", ((_piece(user, text, n % 2 == 1),) for n, text in enumerate(pieces)))


def _piece(user: Any, text: str, is_id: bool) -> SafeString | str:
    if not is_id:
        return format_html("<bdi>{}</bdi>", text) if text else ""
    for find in _finders:
        if address := find(user, UUID(text)):
            return format_html(
                '<a class="hf-link" href="{}"><bdi class="hf-code">{}</bdi></a>', address, text
            )
    return format_html('<bdi class="hf-code">{}</bdi>', text)
