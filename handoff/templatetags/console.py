"""Small helpers of the console's templates."""

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime, now

register = template.Library()


@register.simple_tag
def brief(moment: datetime | None) -> SafeString | str:
    """A time as short as it may be: 11:37 today, 20 Nov 11:37 this year; the exact one is the hint."""
    if moment is None:
        return "–"
    local, today = localtime(moment), localtime(now())
    if local.date() == today.date():
        text = f"{local:%H:%M}"
    else:
        text = f"{local.day} {local:%b %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M}"
    whole = local.isoformat(sep=" ", timespec="seconds")
    return format_html(
        '<time class="hf-time" datetime="{}" title="{}">{}</time>', moment.isoformat(), whole, text
    )
