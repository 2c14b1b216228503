"""One change of one case: both rows locked, the event written, and everybody told, in one transaction.

Locks are taken in one order everywhere: the conversation, the case, and last the outbox' lanes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from handoff.cases.actor import Actor
from handoff.cases.tell import Outgoing, case_event, send, told_control
from handoff.errors import CaseNotFound, StaleVersion, TransitionRefused
from handoff.models import CaseEvent, Handoff, SupportCase
from handoff.models.cases import LIVE_ATTEMPT
from persistence.control import LockedConversation, lock_conversation, move_control
from persistence.database import database_now, translated
from persistence.models import Conversation

# What an agent decides upon. A change of these moves ``version``; a note or a customer's word does not.
DECIDED = ("status", "assignee", "priority", "queue_id", "merged_into_id")


@dataclass(slots=True)
class Change:
    """A case and its conversation in hand. ``now`` is one moment for everything that is written."""

    case: SupportCase
    conversation: LockedConversation
    actor: Actor
    now: datetime
    outgoing: list[Outgoing] = field(default_factory=list)
    before: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self.before = decided(self.case)

    @property
    def attempt(self) -> Handoff | None:
        """Return the live attempt to give the conversation to a human, if there is one."""
        return Handoff.objects.filter(conversation_id=self.conversation.pk, state__in=LIVE_ATTEMPT).first()

    def write(
        self,
        kind: str,
        *,
        text: str = "",
        data: dict[str, Any] | None = None,
        turn_id: UUID | None = None,
        tell: bool = True,
        also: Sequence[str] = (),
    ) -> CaseEvent:
        """Append an event to the case's history and, but for ``tell=False``, note whom to tell of it.

        ``also`` are destinations that hear of it besides those that the case's queue has now.
        """
        self.case.event_seq += 1
        event = CaseEvent.objects.create(
            case=self.case,
            seq=self.case.event_seq,
            kind=kind,
            actor=self.actor.label,
            text=text,
            data=data or {},
            turn_id=turn_id,
            created_at=self.now,
        )
        if tell and (outgoing := case_event(self.case, self.conversation, event, self.before[0])):
            self.outgoing.append(replace(outgoing, receivers=sorted({*outgoing.receivers, *also})))
        return event

    def give_control(self, control: str, reason: str, **notice: Any) -> None:
        """Move control of the conversation; its app is told why, with a notice for the customer where one is due."""
        if move_control(self.conversation, control):
            self.outgoing.append(told_control(self.case, self.conversation, reason, notice, self.now))

    def tell_app(self, reason: str, **notice: Any) -> None:
        """Tell the conversation's app something that the customer should know, though control has not moved."""
        self.outgoing.append(told_control(self.case, self.conversation, reason, notice, self.now))

    def refuse_unless(self, holds: bool, why: str) -> None:
        """Raise TransitionRefused unless the condition holds."""
        if not holds:
            raise TransitionRefused(why, version=self.case.version, status=self.case.status)

    def save(self) -> None:
        """Write the case, move its version where something was decided, and enqueue what is to be told."""
        if decided(self.case) != self.before:
            self.case.version += 1
        self.case.save()
        send(self.outgoing, besides=self.actor.destination)


def decided(case: SupportCase) -> tuple[Any, ...]:
    """Return the values whose change is a new version."""
    return tuple(getattr(case, name) for name in DECIDED)


@contextmanager
def changing(
    case_id: UUID,
    *,
    actor: Actor,
    version: int | None = None,
    domain: str | None = None,
    now: datetime | None = None,
) -> Iterator[Change]:
    """Open the durable transaction of one change. Raises CaseNotFound, StaleVersion, PersistenceUnavailable."""
    with translated(), transaction.atomic(durable=True):
        change = lock(case_id, actor=actor, version=version, domain=domain, now=now)
        yield change
        change.save()


def lock(
    case_id: UUID,
    *,
    actor: Actor,
    version: int | None = None,
    domain: str | None = None,
    now: datetime | None = None,
) -> Change:
    """Lock a case and its conversation inside the caller's transaction, which ends with ``change.save()``."""
    where: dict[str, Any] = {"case_id": case_id} | ({"domain": domain} if domain is not None else {})
    conversation_pk = SupportCase.objects.filter(**where).values_list("conversation_id", flat=True).first()
    if conversation_pk is None:
        raise CaseNotFound
    try:
        conversation = lock_conversation(conversation_pk)
    except Conversation.DoesNotExist:  # erased while we waited for it
        raise CaseNotFound from None
    case = SupportCase.objects.select_related("queue").select_for_update(of=("self",)).get(**where)
    if version is not None and version != case.version:
        raise StaleVersion(version=case.version, status=case.status, assignee=case.assignee)
    return Change(case, conversation, actor, now or database_now())
