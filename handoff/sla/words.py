"""Why a case stands where it stands in the queue, in words."""

from datetime import datetime, timedelta

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def why(
    priority: str,
    opened_at: datetime,
    due: datetime | None,
    now: datetime,
    *,
    paused_at: datetime | None = None,
    waiting_for: str = "the customer",
) -> str:
    """Say it in a line: "urgent, open 6 h 12, overdue by 4 h 12", "waiting for the customer for 2 d".

    ``due`` is the earliest running due time (``clocks.attention_at``). All spans are by the clock on the wall, which
    is how a reader and the customer count them, nights and weekends included.
    """
    if paused_at is not None:
        return f"waiting for {waiting_for} for {span(now - paused_at)}"
    return f"{priority}, open {span(now - opened_at)}{_until(due, now)}"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units, cut off below: "20 min", "7 h 40", "2 d 3 h"."""
    if length < MINUTE:
        return "less than 1 min"
    if length < HOUR:
        return f"{length // MINUTE} min"
    if length < DAY:
        return _two(f"{length // HOUR} h", length % HOUR // MINUTE, f"{length % HOUR // MINUTE:02}")
    return _two(f"{length // DAY} d", length % DAY // HOUR, f"{length % DAY // HOUR} h")


def _two(larger: str, amount: int, smaller: str) -> str:
    return f"{larger} {smaller}" if amount else larger


def _until(due: datetime | None, now: datetime) -> str:
    if due is None:
        return ""
    return f", overdue by {span(now - due)}" if now > due else f", due in {span(due - now)}"
