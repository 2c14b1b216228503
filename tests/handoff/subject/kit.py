"""Short words for a customer's cases and their erasure."""

from contextlib import AbstractContextManager
from typing import Any

from django.db import connection, transaction

from handoff.cases import actions
from handoff.models import CaseEvent, CaseText, ExternalLink, Handoff, SupportCase
from handoff.subject import CasesOfSubject
from persistence.control import lock_conversation
from persistence.subject.port import Erased, Subject
from tests.fakes.desk.chatwoot import FakeChatwoot
from tests.fakes.desk.smtp import FakeMailbox
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.fakes.desk.zammad import FakeZammad
from tests.fakes.desk.zendesk import FakeZendesk
from tests.handoff.support import ANNA, ask, case_of, turn

PART = CasesOfSubject()
DESKS: dict[str, type[AbstractContextManager[Any]]] = {
    "webhook": FakeWebhookDesk,
    "zendesk": FakeZendesk,
    "zammad": FakeZammad,
    "chatwoot": FakeChatwoot,
    "email": FakeMailbox,
}


def closed(
    session_id: str = "s", *, customer_ref: str = "ann", note: str = "she called before"
) -> SupportCase:
    """Open a case, speak in it, and close it."""
    turn("my card was swallowed", session_id=session_id, customer_ref=customer_ref)
    found = ask("a person, please", session_id=session_id, reason="the card is gone")
    actions.claim(found.case_id, actor=ANNA)
    actions.note(found.case_id, actor=ANNA, text=note)
    actions.reply(found.case_id, actor=ANNA, text="Hello, this is Anna.")
    actions.close(found.case_id, actor=ANNA)
    return case_of(found)


def subject_of(*cases: SupportCase, customer_ref: str | None = "ann") -> Subject:
    """Return whom the conversations of these cases belong to."""
    conversations = sorted({(case.conversation.pk, case.conversation.public_id) for case in cases})
    return Subject("demo", customer_ref, tuple(conversations))


def erase(subject: Subject) -> Erased:
    """Erase as ``persistence.subject`` does: under the conversations' locks."""
    with transaction.atomic(durable=True):
        for pk in subject.pks:
            lock_conversation(pk)
        return PART.erase(subject)


def files(subject: Subject) -> dict[str, list[dict[str, Any]]]:
    return {name: list(rows) for name, rows in PART.files(subject)}


def kept(case: SupportCase) -> list[Any]:
    """Return every row of a case, as it is stored."""
    rows: list[Any] = list(SupportCase.objects.filter(pk=case.pk).values())
    for model in (CaseEvent, Handoff, ExternalLink, CaseText):
        rows += model.objects.filter(case=case).order_by("pk").values()
    return rows


def wait_until_somebody_waits() -> None:
    """Return when another connection waits for a lock of this one."""
    with connection.cursor() as cursor:
        waiting = 0
        while not waiting:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            (waiting,) = cursor.fetchone()
            cursor.execute("SELECT pg_sleep(0.01)")
