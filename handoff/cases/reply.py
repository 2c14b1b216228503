"""An agent's reply: a turn like every other, and its way to the customer, in one transaction."""

from collections.abc import Callable

import uuid_utils

from handoff.cases import clock
from handoff.cases.attempts import accept, activate
from handoff.cases.change import Change
from handoff.cases.rules import check
from handoff.cases.tell import reply_created
from handoff.errors import AlreadyClaimed
from handoff.requests import clean_text
from persistence.control import write_into
from persistence.requests import turn_request


def do_reply(
    change: Change, *, text: str, claim: Callable[[Change], None], request_id: str = "", author: str = ""
) -> None:
    """Write the turn, stop the clocks that it answers, and send it to the customer behind all that came before.

    Whoever replies to a case that nobody has takes it. A help desk's agents may reply to any case of their desk.
    """
    text = clean_text(text, "text")
    check(change, "reply")
    case, actor, conversation = change.case, change.actor, change.conversation
    change.refuse_unless(
        conversation.control != "closed", "The conversation has ended; what is written reaches nobody."
    )
    if case.assignee and case.assignee != actor.assignee and actor.kind != "desk":
        raise AlreadyClaimed(owner=case.assignee, version=case.version)
    if not case.assignee or conversation.control != "human":
        take(change, claim)
    author = author or actor.name
    recorded = write_into(
        conversation,
        turn_request(
            {
                "channel": conversation.channel,
                "session_id": str(conversation.public_id),
                "request_id": f"reply:{request_id or uuid_utils.uuid7()}"[:200],
                "messages": [{"role": "agent", "content": text, "name": author}],
                "metadata": {"case_id": str(case.case_id)},
            }
        ),
    )
    if recorded.replayed:
        return
    activate(change)
    if case.status != "in_progress":
        case.status = "in_progress"
        clock.resumed(case, change.now)
    clock.answered(case, change.now)
    case.first_responded_at = case.first_responded_at or change.now
    event = change.write(
        "replied", text=text, data={"author": author, "turn_seq": recorded.seq}, turn_id=recorded.turn_id
    )
    change.outgoing.append(reply_created(case, conversation, event, recorded.seq))


def take(change: Change, claim: Callable[[Change], None]) -> None:
    """Make the conversation a human's before one speaks in it."""
    if change.case.assignee and change.actor.kind == "desk":
        accept(change, change.case.assignee)
    else:
        claim(change)
