"""Summaries for the pages that show them: stored as they would be, with the claims and nights behind them."""

from copy import copy
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Permission, User
from django.db import connection

from persistence.models import Conversation, DomainAccess
from summarization.models import ConversationSummary, SummaryItem, SummaryRun
from summarization.rating import in_force
from tests.handoff.admin.people import PASSWORD, client_of
from tests.summarization.support import conversation, run

SUMMARIES, RUNS = "/admin/summarization/conversationsummary/", "/admin/summarization/summaryrun/"
SAMPLING, DOMAINS = "/admin/summarization/summaryrating/", "/admin/summarization/domainpolicy/"


def summary(*exchanges: tuple[str, str], **given: Any) -> ConversationSummary:
    """Record a conversation and store a summary of it by what is in force."""
    where = {name: given.pop(name) for name in ("domain", "customer_ref", "session_id") if name in given}
    return summary_of(conversation(*exchanges, **where), **given)


def summary_of(pk: int, **given: Any) -> ConversationSummary:
    """Store a summary of a conversation, of all its turns."""
    found = Conversation.objects.get(pk=pk)
    backend, model, version = in_force()
    values: dict[str, Any] = {
        "domain": found.domain,
        "from_seq": 1,
        "to_seq": found.last_seq,
        "input_hash": sha256(f"{pk} {found.last_seq}".encode()).digest(),
        "problem": "The parcel has not arrived.",
        "solution": "A new parcel leaves tomorrow.",
        "status": "resolved",
        "status_because": "the conversation's words",
        "topics": ["delivery"],
        "open_questions": ["Who pays customs?"],
        "citations": [1, 2],
        "support": {"problem": [1], "solution": [2], "topics": [[1]], "open_questions": [[2]]},
        "language": "en",
        "source_turn_count": found.last_seq,
        "redaction_version": 1,
        "backend": backend,
        "model": model,
        "prompt_version": version,
    }
    return ConversationSummary.objects.create(conversation=found, **values | given)


def failed(of: SummaryRun, reason: str = "bad_json", **given: Any) -> SummaryItem:
    """Let a conversation have failed in a run."""
    pk = conversation(**{name: given.pop(name) for name in ("domain",) if name in given})
    found = Conversation.objects.get(pk=pk)
    values = {"domain": found.domain, "to_seq": found.last_seq, "reason": reason, "failures": 1} | given
    return SummaryItem.objects.create(conversation=found, run=of, state="failed", **values)


def night(**given: Any) -> SummaryRun:
    """Store a night that has ended, with something of everything."""
    values: dict[str, Any] = {
        "kind": "nightly",
        "night": "2026-11-20",
        "time_zone": "Europe/Lisbon",
        "state": "finished",
        "candidates": 10,
        "eligible": 8,
        "summarized": 7,
        "skipped": 2,
        "failed": 1,
        "tokens_in": 1234,
        "tokens_out": 567,
        "cost_usd": Decimal("0.25"),
        "reasons": {"too_short": 2, "bad_json": 1},
    }
    return run(**values | given)


def judge(*permissions: str, name: str = "judge", domains: tuple[str, ...] = ("demo",)) -> User:
    """Return somebody who may judge summaries, and whatever else is named (``app.codename``)."""
    user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    for permission in ("summarization.sample_summaries", *permissions):
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    DomainAccess.objects.bulk_create(DomainAccess(user=user, domain=domain) for domain in domains)
    return user


def multiply(found: ConversationSummary, times: int) -> None:
    """Store the summary again and again, each time of another conversation."""
    one = found.conversation
    copies = []
    for number in range(times):
        one.pk, one.public_id, one.session_hash = None, uuid4(), number.to_bytes(32)
        copies.append(copy(one))
    for stored in Conversation.objects.bulk_create(copies):
        found.pk, found.conversation = None, stored
        found.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


__all__ = [
    "PASSWORD",
    "client_of",
    "conversation",
    "failed",
    "judge",
    "night",
    "run",
    "summary",
    "summary_of",
]
