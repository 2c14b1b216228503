"""A desk's statuses and assignments, applied so that any order of arrival ends in the same state.

A ticket's status is what the desk said last by its own clock (``ExternalLink.heard_at``); what is older is stale and
changes nothing, and of two at one moment the further one counts. Who has the ticket is kept the same way, by the times
in the case's own history. That somebody at the desk has replied, or was assigned, is never unsaid: such a case is in
progress where the desk calls it open.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from handoff.cases import clock
from handoff.cases.actions import do_close, do_release, do_reopen, do_wait, give_to
from handoff.cases.attempts import accept, begin_attempt
from handoff.cases.change import Change
from handoff.connectors.port import DeskStatus
from handoff.models import CaseEvent, ExternalLink

RANK: dict[str, int] = {"open": 0, "in_progress": 1, "waiting_customer": 2, "closed": 3}
LEAD = timedelta(minutes=5)  # a desk whose clock is further ahead must not outdate all that it says later
GRAIN = timedelta(seconds=1)  # many desks tell whole seconds

APPLIED, STALE, ENDED = "applied", "stale", "ended"


def apply_status(change: Change, link: ExternalLink, status: DeskStatus, at: datetime | None) -> str:
    """Bring the case where the desk has its ticket, unless that is old news. Returns the outcome."""
    if is_over(change):
        return ENDED
    at = moment(change, at)
    if is_stale(change, link, status, at):
        return STALE
    link.heard_at = at
    link.save(update_fields=["heard_at"])
    BRINGS[status](change)
    return APPLIED


def apply_assigned(change: Change, who: str, at: datetime | None) -> str:
    """Make somebody at the desk the owner: the conversation is in human hands."""
    if is_over(change):
        return ENDED
    case, at = change.case, moment(change, at)
    known = [(told_at(event), event.data["to"]) for event in assignments(change)]
    if known and (at, who) <= max(known):
        return STALE
    before, case.assignee = case.assignee, who
    if case.status == "open":
        case.status = "in_progress"
    if case.live:
        accept(change, who)
    change.write("assigned", data={"from": before, "to": who, "at": at.astimezone(UTC).isoformat()})
    return APPLIED


def is_over(change: Change) -> bool:
    """Say whether nothing that a desk says can bring this case back."""
    return change.case.status == "cancelled" or change.case.merged_into_id is not None


def is_stale(change: Change, link: ExternalLink, status: DeskStatus, at: datetime) -> bool:
    """Say whether the desk, the customer or somebody here has moved on since the desk saw it that way."""
    case = change.case
    if link.heard_at and at < link.heard_at:
        return True
    if link.heard_at == at and RANK[status] <= RANK[case.status]:
        return True
    if status == "waiting_customer" and case.last_customer_at and at < case.last_customer_at - GRAIN:
        return True  # the customer has answered meanwhile
    return (
        status != "closed" and case.closed_at is not None and at < case.closed_at and not closed_there(change)
    )


def closed_there(change: Change) -> bool:
    """Say whether it was this desk that closed the case; its own times decide then."""
    last = change.case.events.filter(kind__in=("closed", "user_ended")).order_by("-seq").first()
    return last is not None and last.actor.startswith(at_desk(change))


def moment(change: Change, at: datetime | None) -> datetime:
    """Return the desk's time of it; now where it tells none."""
    return min(at, change.now + LEAD) if at else change.now


def to_open(change: Change) -> None:
    """The ticket waits for an agent, unless the desk has shown that one is on it."""
    case, owner = change.case, owner_at_desk(change)
    if case.status == "closed":
        do_reopen(change)
        if owner:
            give_to(change, owner, "claimed")
        elif change.attempt is None:
            # An open ticket is a promise again: the assistant must not go on as if nobody came.
            begin_attempt(change, case.reason_codes[-1])
    elif not owner and case.status != "open" and is_theirs(change):
        do_release(change, "released")
    elif case.status == "waiting_customer":
        resume(change)


def to_in_progress(change: Change) -> None:
    """An agent is on it."""
    in_human_hands(change)
    if change.case.status == "waiting_customer":
        resume(change)


def to_waiting(change: Change) -> None:
    """An agent is on it, and waits for the customer."""
    in_human_hands(change)
    if change.case.status == "in_progress":
        do_wait(change)


def to_closed(change: Change) -> None:
    """The desk is done with it: the assistant is in control again."""
    if change.case.live:
        do_close(change)


BRINGS: dict[str, Callable[[Change], None]] = {
    "open": to_open,
    "in_progress": to_in_progress,
    "waiting_customer": to_waiting,
    "closed": to_closed,
}


def in_human_hands(change: Change) -> None:
    """Make the case live and somebody's, and the conversation theirs."""
    case = change.case
    if not case.live:
        do_reopen(change)
    if not case.assignee:
        give_to(change, owner_at_desk(change) or change.actor.assignee, "claimed")
    elif change.conversation.control != "human":
        accept(change, case.assignee)


def resume(change: Change) -> None:
    """It is the agent's turn again."""
    change.case.status = "in_progress"
    clock.resumed(change.case, change.now)
    change.write("desk", data={"status": "in_progress"})


def owner_at_desk(change: Change) -> str:
    """Return whom the desk assigned last by its own clock, or else who replied first; "" where nobody has shown."""
    if assigned := assignments(change):
        owner: str = max((told_at(event), event.data["to"]) for event in assigned)[1]
        return owner
    replied = from_desk(change, "replied")
    return replied[0].actor.removeprefix("desk:") if replied else ""


def assignments(change: Change) -> list[CaseEvent]:
    """Return what this desk has told of who has the ticket."""
    return [event for event in from_desk(change, "assigned") if "at" in event.data]


def from_desk(change: Change, kind: str) -> list[CaseEvent]:
    """Return the case's events of one kind that this desk caused, in the order in which they came."""
    return list(change.case.events.filter(kind=kind, actor__startswith=at_desk(change)).order_by("seq"))


def told_at(event: CaseEvent) -> datetime:
    """Return the desk's time of an assignment."""
    return datetime.fromisoformat(event.data["at"])


def at_desk(change: Change) -> str:
    """Return how the labels of this desk's agents begin."""
    return f"desk:{slug_of(change)}:"


def is_theirs(change: Change) -> bool:
    """Say whether an agent of this desk has the case, and not one of ours."""
    return change.case.assignee.startswith(f"{slug_of(change)}:")


def slug_of(change: Change) -> str:
    """Return the slug of the endpoint that speaks."""
    return change.actor.name.partition(":")[0]
