"""What people do to a case: one function for each, one durable transaction, the case as it is afterwards.

Each takes the case's id and, by keyword, ``actor``, and optionally ``version`` (refused with StaleVersion where the
case has moved on) and ``domain`` (the case must be in it). All raise CaseNotFound, TransitionRefused where the state
does not allow it, InvalidTurn for text that cannot be kept, and PersistenceUnavailable. The ``do_…`` functions are the
same inside a transaction that is open already.
"""

from typing import TypedDict, Unpack
from uuid import UUID

from handoff.cases import clock
from handoff.cases.actor import Actor
from handoff.cases.attempts import accept, end_attempt, requeue
from handoff.cases.change import Change, changing
from handoff.cases.notify import request_human_again
from handoff.cases.opening import call_team
from handoff.cases.reply import do_reply
from handoff.cases.rules import ACTIONS, allowed, check
from handoff.endpoints import receivers
from handoff.errors import AlreadyClaimed
from handoff.models import Queue, SupportCase
from handoff.requests import clean_text
from persistence.jsontext import refuse

__all__ = ["ACTIONS", "allowed"]


class Given(TypedDict, total=False):
    """What every action takes."""

    actor: Actor
    version: int | None
    domain: str | None


def claim(case_id: UUID, **given: Unpack[Given]) -> SupportCase:
    """Take the case: control of the conversation is the actor's. Raises AlreadyClaimed with the owner's name."""
    with changing(case_id, **given) as change:
        do_claim(change)
    return change.case


def do_claim(change: Change) -> None:
    check(change, "claim")
    owner, actor = change.case.assignee, change.actor.assignee
    if owner == actor and change.conversation.control in ("human", "closed"):
        return
    if owner and owner != actor:
        raise AlreadyClaimed(owner=owner, version=change.case.version)
    give_to(change, actor, "claimed")


def assign(case_id: UUID, *, assignee: str, **given: Unpack[Given]) -> SupportCase:
    """Give the case to somebody, whoever has it now."""
    assignee = clean_text(assignee, "assignee", at_most=150)
    with changing(case_id, **given) as change:
        check(change, "assign")
        give_to(change, assignee, "assigned")
    return change.case


def give_to(change: Change, assignee: str, kind: str) -> None:
    """Make somebody the owner, and the conversation theirs."""
    before, change.case.assignee = change.case.assignee, assignee
    if change.case.status == "open":
        change.case.status = "in_progress"
    accept(change, assignee)
    change.write(kind, data={"from": before, "to": assignee})


def release(case_id: UUID, **given: Unpack[Given]) -> SupportCase:
    """Put the case back into the queue, for anybody."""
    with changing(case_id, **given) as change:
        check(change, "release")
        do_release(change, "released")
    return change.case


def do_release(change: Change, kind: str) -> None:
    before, change.case.assignee = change.case.assignee, ""
    change.case.status = "open"
    clock.resumed(change.case, change.now)
    requeue(change)
    change.write(kind, data={"from": before})


def reply(
    case_id: UUID, *, text: str, request_id: str = "", wait: bool = False, **given: Unpack[Given]
) -> SupportCase:
    """Answer the customer: a turn like every other, on its way to them in order. Takes the case where nobody has it.

    A repeated ``request_id`` changes nothing more. ``wait``: the case then waits for the customer.
    """
    with changing(case_id, **given) as change:
        do_reply(change, text=text, request_id=request_id, claim=do_claim)
        if wait and change.case.status == "in_progress":
            do_wait(change)
    return change.case


def note(case_id: UUID, *, text: str, **given: Unpack[Given]) -> SupportCase:
    """Write something that only colleagues see."""
    with changing(case_id, **given) as change:
        do_note(change, text=text)
    return change.case


def do_note(change: Change, *, text: str, author: str = "") -> None:
    change.write("noted", text=clean_text(text, "text"), data={"author": author or change.actor.name})


def wait(case_id: UUID, **given: Unpack[Given]) -> SupportCase:
    """Wait for the customer: the clocks stand still until they say something."""
    with changing(case_id, **given) as change:
        do_wait(change)
    return change.case


def do_wait(change: Change) -> None:
    check(change, "wait")
    change.refuse_unless(
        change.conversation.control == "human",
        "Only a case whose conversation is in human hands can wait for the customer: the assistant would answer.",
    )
    change.case.status = "waiting_customer"
    clock.paused(change.case, change.now)
    change.write("waiting")


def return_to_bot(case_id: UUID, *, note: str = "", **given: Unpack[Given]) -> SupportCase:
    """Give the conversation back to the assistant, which is told ``note``; the case stays with its owner."""
    said = clean_text(note, "note", may_be_empty=True)
    with changing(case_id, **given) as change:
        check(change, "return_to_bot")
        change.refuse_unless(
            change.conversation.control in ("human", "queued"), "The assistant is in control already."
        )
        if change.case.status == "waiting_customer":
            change.case.status = "in_progress"
            clock.resumed(change.case, change.now)
        clock.answered(change.case, change.now)
        end_attempt(change, "returned", "bot", "returned", said)
        change.write("returned", text=said)
    return change.case


def close(
    case_id: UUID, *, note: str = "", end_conversation: bool = False, **given: Unpack[Given]
) -> SupportCase:
    """Close the case as resolved. The assistant is in control again, or with ``end_conversation`` nobody is."""
    with changing(case_id, **given) as change:
        do_close(change, note=note, control="closed" if end_conversation else "bot")
    return change.case


def do_close(change: Change, *, note: str = "", control: str = "bot", as_: str = "resolved") -> None:
    said = clean_text(note, "note", may_be_empty=True)
    check(change, "user_ended" if as_ == "user_ended" else "close")
    end(change, "closed", as_)
    end_attempt(change, "user_ended" if as_ == "user_ended" else "resolved", control, as_, said)
    change.write("user_ended" if as_ == "user_ended" else "closed", text=said, data={"as": as_})


def user_ended(case_id: UUID, **given: Unpack[Given]) -> SupportCase:
    """The customer has left: the case and the conversation are closed."""
    with changing(case_id, **given) as change:
        do_close(change, control="closed", as_="user_ended")
    return change.case


def cancel(case_id: UUID, *, note: str = "", **given: Unpack[Given]) -> SupportCase:
    """Call the promise off: the customer does not want a human any more, or does not consent."""
    said = clean_text(note, "note", may_be_empty=True)
    with changing(case_id, **given) as change:
        check(change, "cancel")
        end(change, "cancelled", "cancelled")
        end_attempt(change, "cancelled", "bot", "cancelled", said)
        change.write("cancelled", text=said)
    return change.case


def end(change: Change, status: str, as_: str) -> None:
    """End the case: its clocks stop, its end has a time."""
    clock.closed(change.case, change.now)
    change.case.status, change.case.closed_as, change.case.closed_at = status, as_, change.now


def reopen(case_id: UUID, **given: Unpack[Given]) -> SupportCase:
    """Take up a closed case again; it waits in its queue."""
    with changing(case_id, **given) as change:
        do_reopen(change)
    return change.case


def do_reopen(change: Change) -> None:
    check(change, "reopen")
    other = SupportCase.objects.filter(conversation_id=change.conversation.pk, closed_at__isnull=True).first()
    change.refuse_unless(other is None, f"The conversation has another live case, {other}.")
    case = change.case
    case.status, case.closed_at, case.closed_as, case.assignee = "open", None, "", ""
    case.reopened += 1
    clock.opened(case, change.now)
    change.write("reopened")


def give_consent(case_id: UUID, **given: Unpack[Given]) -> SupportCase:
    """The customer agrees: the team is told, and the conversation waits for a human."""
    with changing(case_id, **given) as change:
        check(change, "give_consent")
        change.case.status = "open"
        clock.opened(change.case, change.now)
        change.write("consent_given", tell=False)
        call_team(change, change.case.reason_codes[-1], first=True)
    return change.case


def set_priority(case_id: UUID, *, priority: str, **given: Unpack[Given]) -> SupportCase:
    """Give the case another priority; its due times move with it."""
    if priority not in SupportCase.Priority.values:
        raise refuse("priority", f"is none of {', '.join(SupportCase.Priority.values)}")
    with changing(case_id, **given) as change:
        check(change, "set_priority")
        before, change.case.priority = change.case.priority, priority
        if before != priority:
            clock.reprioritised(change.case)
            change.write("priority", data={"from": before, "to": priority})
    return change.case


def transfer(case_id: UUID, *, queue: str, **given: Unpack[Given]) -> SupportCase:
    """Move the case to another queue of its domain, for anybody there."""
    with changing(case_id, **given) as change:
        check(change, "transfer")
        target = Queue.objects.filter(domain=change.case.domain, name=queue).first()
        if target is None:
            raise refuse("queue", "is no queue of this domain")
        if target.pk != change.case.queue_id:
            move_to(change, target)
            if change.case.assignee:
                do_release(change, "released")
    return change.case


def move_to(change: Change, target: Queue) -> None:
    """Change the queue: its desks are told of the case as those of the old queue were, which hear that it went."""
    case = change.case
    before, told = case.queue, receivers(case.domain, "helpdesk", case.queue_id)
    case.queue = target
    clock.reprioritised(case)
    new = [name for name in receivers(case.domain, "helpdesk", target.pk) if name not in told]
    request_human_again(change, new)
    change.write("transferred", data={"from": before.name, "to": target.name}, also=told)
