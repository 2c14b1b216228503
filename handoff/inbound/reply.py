"""What an agent at a desk wrote, on its way to the customer whatever has become of the case meanwhile."""

from uuid import UUID

import uuid_utils

from handoff.cases.actions import do_claim, do_note, do_wait
from handoff.cases.actor import SYSTEM
from handoff.cases.change import Change
from handoff.cases.reply import do_reply
from handoff.cases.tell import reply_created
from handoff.requests import MAX_TEXT, clean_text
from persistence.control import write_into
from persistence.jsontext import storable_text
from persistence.privacy.redaction import redact_text
from persistence.requests import turn_request

NOT_SENT = "Not sent to the customer, whose conversation has ended. The help desk's agent wrote:"

APPLIED, KEPT_AS_NOTE = "applied", "kept_as_note"


def apply_reply(change: Change, text: str, author: str) -> str:
    """Send the customer what the agent wrote. Returns the outcome.

    It never moves a ticket's status, which the desk tells by itself: a case that waits for the customer goes on
    waiting, and one that is closed stays closed. Where the conversation is over, the text is kept as a note, which
    goes to the desk as well.
    """
    if change.conversation.control == "closed":
        change.actor = (
            SYSTEM  # not the desk's own news: its agent has to hear that the customer was not reached
        )
        apply_note(change, f"{NOT_SENT}\n{text}", author)
        return KEPT_AS_NOTE
    waits = change.case.status == "waiting_customer"
    for piece in pieces(text):
        if change.case.live:
            do_reply(change, text=piece, claim=do_claim, author=author)
        else:
            reply_late(change, piece, author)
    if waits:
        do_wait(change)
    return APPLIED


def apply_note(change: Change, text: str, author: str) -> str:
    """Keep what the agent wrote for colleagues only. Returns the outcome."""
    for piece in pieces(text):
        do_note(change, text=piece, author=author)
    return APPLIED


def reply_late(change: Change, text: str, author: str) -> None:
    """Write the turn of a reply to a case that has ended; control stays where it is."""
    text, conversation = clean_text(text, "text"), change.conversation
    recorded = write_into(
        conversation,
        turn_request(
            {
                "channel": conversation.channel,
                "session_id": str(conversation.public_id),
                "request_id": f"reply:{UUID(str(uuid_utils.uuid7()))}",
                "messages": [{"role": "agent", "content": text, "name": author}],
                "metadata": {"case_id": str(change.case.case_id)},
            }
        ),
    )
    event = change.write(
        "replied", text=text, data={"author": author, "turn_seq": recorded.seq}, turn_id=recorded.turn_id
    )
    change.outgoing.append(reply_created(change.case, conversation, event, recorded.seq))


def pieces(text: str, longest: int = MAX_TEXT) -> list[str]:
    """Return a text in parts that can be kept, cut between lines or words where there are any.

    An agent who wrote at length elsewhere has pressed "send": refusing it would keep the customer waiting for an answer
    that was given. Redacted as a whole first, so that no cut can hide what must not be stored. Raises InvalidTurn.
    """
    rest = redact_text(storable_text(text, "text")).strip()
    found: list[str] = []
    while len(rest) > longest:
        cut = next(
            (at for mark in ("\n", " ") if (at := rest.rfind(mark, longest // 2, longest)) > 0), longest
        )
        found.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [piece for piece in (*found, rest) if piece] or [""]
