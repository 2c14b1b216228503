"""Who may speak: the conversation's ``control``, moved under its row lock by the storey above.

Every move raises ``control_epoch``, so that whoever answers under an older one is refused. Locks are taken in one
order everywhere: the conversation first, then what hangs on it.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from persistence.models import Conversation
from persistence.prepare import Session
from persistence.requests import TurnRequest
from persistence.turns import RecordedTurn, write_turn

LOCK = """
SELECT id, public_id, domain, channel, customer_ref, session_hash, hash_version, control, control_epoch, last_seq
FROM persistence_conversation WHERE id = %s FOR UPDATE
"""
MOVE = """
UPDATE persistence_conversation SET control = %s, control_epoch = control_epoch + 1 WHERE id = %s
RETURNING control_epoch
"""


@dataclass(slots=True)
class LockedConversation:
    """A conversation whose row this transaction holds; nobody else moves it or adds a turn meanwhile."""

    pk: int
    public_id: UUID
    domain: str
    channel: str
    customer_ref: str | None
    session_hash: bytes
    hash_version: int
    control: str
    control_epoch: int
    last_seq: int


def lock_conversation(pk: int) -> LockedConversation:
    """Lock the conversation until the end of the transaction. Raises Conversation.DoesNotExist."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [pk])
        row = cursor.fetchone()
    if row is None:
        raise Conversation.DoesNotExist
    return LockedConversation(*row)


def move_control(conversation: LockedConversation, control: str) -> bool:
    """Give control to ``bot``, ``queued``, ``human`` or ``closed``; False where it lies there already.

    A closed conversation stays closed: its session may belong to a newer one by now.
    """
    if conversation.control in (control, Conversation.Control.CLOSED):
        return False
    with connection.cursor() as cursor:
        cursor.execute(MOVE, [control, conversation.pk])
        (conversation.control_epoch,) = cursor.fetchone()
    conversation.control = control
    return True


def write_into(conversation: LockedConversation, turn: TurnRequest) -> RecordedTurn:
    """Add a turn to a locked, live conversation, whose session id nobody here knows; ``turn.session_id`` is ignored
    but for telling a retry from another request.
    """
    session = Session(
        conversation.domain, conversation.channel, bytes(conversation.session_hash), conversation.hash_version
    )
    recorded = write_turn(conversation.domain, turn, session=session)
    conversation.last_seq = max(conversation.last_seq, recorded.seq)
    return recorded
