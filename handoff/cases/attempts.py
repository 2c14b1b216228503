"""One attempt after another to give a conversation to a human, and what became of each."""

from datetime import datetime, timedelta
from uuid import UUID

import uuid_utils
from django.conf import settings

from handoff.cases import clock
from handoff.cases.change import Change
from handoff.models import Handoff


def request_attempt(change: Change, reason_code: str) -> Handoff:
    """Write down that a human is asked for, while the customer's consent is missing."""
    attempt = new_attempt(change, reason_code)
    attempt.save(force_insert=True)
    return attempt


def begin_attempt(change: Change, reason_code: str) -> Handoff:
    """Begin an attempt. In hours, control waits in the queue; out of hours the assistant keeps it and says so.

    A conversation that loops waits without end: taking it back from the queue once more would only turn the wheel.
    """
    queue = change.case.queue
    attempt = change.attempt or new_attempt(change, reason_code)
    if not clock.is_open(queue, change.now):
        return miss(change, attempt)
    attempt.state, attempt.accept_due_at = "queued", accept_due(change)
    attempt.save()
    change.write("queued", data={"handoff_id": str(attempt.handoff_id), "reason_code": reason_code})
    change.give_control("queued", "handoff_requested")
    return attempt


def miss(change: Change, attempt: Handoff) -> Handoff:
    """End an attempt that nobody is there to take; the case stays, and the customer is told when people come."""
    opens = clock.next_opening(change.case.queue, change.now)
    opens_at = opens.isoformat() if opens else None
    attempt.state, attempt.outcome, attempt.ended_at = "timed_out", "out_of_hours", change.now
    attempt.to_seq = attempt.from_seq
    attempt.save()
    change.write("timed_out", data={"because": "out_of_hours", "opens_at": opens_at})
    change.tell_app("out_of_hours", opens_at=opens_at)
    return attempt


def new_attempt(change: Change, reason_code: str) -> Handoff:
    """Return an attempt that begins with the last turn."""
    return Handoff(
        handoff_id=UUID(str(uuid_utils.uuid7())),
        conversation_id=change.conversation.pk,
        case=change.case,
        state="requested",
        reason_code=reason_code,
        requested_at=change.now,
        from_seq=max(change.conversation.last_seq, 1),
    )


def accept(change: Change, by: str) -> None:
    """Note that a human takes the conversation; begin an attempt where none waits. Control is theirs.

    A case that is taken up again after its conversation ended gets an owner, but there is no conversation to take.
    """
    if change.conversation.control == "closed":
        return
    attempt = change.attempt
    if attempt is None:
        attempt = new_attempt(change, change.case.reason_codes[-1])
        attempt.from_seq = change.conversation.last_seq + 1  # what the human says is still to come
    attempt.state, attempt.accepted_at, attempt.accepted_by = "accepted", change.now, by
    attempt.accept_due_at = accept_due(change)
    attempt.save()
    change.give_control("human", "claimed")


def requeue(change: Change) -> None:
    """Put an accepted attempt back into the queue."""
    if attempt := change.attempt:
        attempt.state, attempt.accepted_by, attempt.accepted_at = "queued", "", None
        attempt.accept_due_at = accept_due(change)
        attempt.save()
        change.give_control("queued", "released")


def activate(change: Change) -> None:
    """Note that the human has answered: nobody's time-out ends this attempt any more."""
    Handoff.objects.filter(conversation_id=change.conversation.pk, state="accepted").update(
        state="active", accept_due_at=None
    )


def end_attempt(change: Change, state: str, control: str, reason: str, outcome: str = "") -> None:
    """End the live attempt, if there is one, and move control where it goes from here."""
    if attempt := change.attempt:
        attempt.state, attempt.outcome, attempt.ended_at = state, outcome, change.now
        attempt.to_seq, attempt.accept_due_at = change.conversation.last_seq, None
        attempt.save()
    change.give_control(control, reason)


def recent_attempts(change: Change) -> int:
    """Return how many attempts this conversation began within the window in which they count as a loop."""
    since = change.now - timedelta(minutes=settings.HANDOFF_LOOP_MINUTES)
    return Handoff.objects.filter(conversation_id=change.conversation.pk, requested_at__gt=since).count()


def accept_due(change: Change) -> datetime | None:
    """Return when the one who has the case, or nobody, has had long enough."""
    minutes = change.case.queue.accept_minutes
    return change.now + timedelta(minutes=minutes) if minutes and not change.case.looping else None
