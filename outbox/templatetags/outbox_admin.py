"""Small helpers of the admin's templates; ``outbox.adminkit.show`` has the markup."""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from outbox.adminkit.show import attempt_badge, badge, status_badge, when

register = template.Library()
register.simple_tag(status_badge)
register.simple_tag(attempt_badge)


@register.simple_tag
def coloured(word: str, colour: str) -> SafeString:
    """A word on a coloured ground."""
    return badge(word, colour)


@register.simple_tag
def moment(value: datetime | None) -> SafeString | str:
    """A time, or a dash."""
    return when(value)


@register.filter
def thousands(value: int) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


@register.filter
def duration(seconds: float) -> str:
    """Seconds as a person says them: 0 s, 42 s, 3 min, 2 h 05, 4 days."""
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if minutes < 1:
        return f"{seconds:.1f} s" if 0 < seconds < 10 else f"{seconds:.0f} s"
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60:02}" if hours < 48 else f"{hours // 24} days"
