"""This storey's share of a customer: conversations, turns, and who read them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection

from persistence.models import Conversation, TranscriptReading, Turn
from persistence.subject.port import Elsewhere, Erased, Subject

PAGE = 500  # rows at once; a row may be 256 KiB, most are less than one
SHOWN = (
    *(
        "conversation_id",
        "seq",
        "turn_id",
        "request_id",
        "created_at",
        "customer_ref",
        "messages",
        "confidence",
    ),
    *(
        "escalated",
        "reason_codes",
        "references",
        "error_code",
        "model",
        "latency_ms",
        "tokens_in",
        "tokens_out",
    ),
    *("metadata", "redaction_version", "control", "control_epoch"),
)
JSON = frozenset({"messages", "reason_codes", "references", "metadata"})
# Without digests, salts and fingerprints: they say nothing about the customer, and prove things to us alone.
TURNS = f"""
SELECT c.public_id, {", ".join(f't."{name}"' for name in SHOWN[1:])}
FROM persistence_turn AS t JOIN persistence_conversation AS c ON c.id = t.conversation_id
WHERE t.conversation_id = %(conversation)s AND t.seq > %(after)s ORDER BY t.seq LIMIT %(limit)s
"""


class TurnsOfSubject:
    """The part of ``SUBJECT_PARTS`` for conversations; see ``port``."""

    def ordering_keys(self, subject: Subject) -> list[str]:
        """Return the outbox' ordering keys of what is kept here: the conversations' public ids."""
        return [str(public_id) for public_id in subject.public_ids]

    def count(self, subject: Subject) -> dict[str, int]:
        """Return how many rows there are, by kind."""
        of_theirs = {"conversation_id__in": subject.pks}
        return {
            "conversations": Conversation.objects.filter(pk__in=subject.pks).count(),
            "turns": Turn.objects.filter(**of_theirs).count(),
            "readings": TranscriptReading.objects.filter(**of_theirs).count(),
        }

    def elsewhere(self, subject: Subject) -> list[Elsewhere]:
        """Return nothing: the archive and the claims are ours, and erased."""
        return []

    def hindrances(self, subject: Subject) -> list[str]:
        """Return nothing: a conversation may go at any time."""
        return []

    def files(self, subject: Subject) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
        """Yield conversations and turns."""
        yield "conversations.jsonl", conversations_of(subject)
        yield "turns.jsonl", (turn for pk in subject.pks for turn in turns_of(pk))

    def erase(self, subject: Subject) -> Erased:
        """Delete turns, readings and conversations, in that order: each points to the next."""
        of_theirs = {"conversation_id__in": subject.pks}
        # _raw_delete is one statement; delete() would read every row first, to look for what hangs on it.
        turns = Turn.objects.filter(**of_theirs)._raw_delete("default")
        readings = TranscriptReading.objects.filter(**of_theirs)._raw_delete("default")
        conversations = Conversation.objects.filter(pk__in=subject.pks)._raw_delete("default")
        return Erased({"conversations": conversations, "turns": turns, "readings": readings})


def conversations_of(subject: Subject) -> Iterator[dict[str, Any]]:
    """Yield the conversations as an export tells them, in pages by key."""
    for start in range(0, len(subject.pks), PAGE):
        for row in Conversation.objects.filter(pk__in=subject.pks[start : start + PAGE]).order_by("pk"):
            yield {
                "conversation_id": str(row.public_id),
                "domain": row.domain,
                "channel": row.channel,
                "customer_ref": row.customer_ref,
                "control": row.control,
                "turns": row.last_seq,
                "created_at": row.created_at.isoformat(),
                "last_turn_at": row.last_turn_at.isoformat(),
            }


def turns_of(conversation_pk: int) -> Iterator[dict[str, Any]]:
    """Yield a conversation's turns as an export tells them, in the order said, in pages by key."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(TURNS, {"conversation": conversation_pk, "after": after, "limit": PAGE})
            rows = cursor.fetchall()
        for row in rows:
            turn = dict(zip(SHOWN, row, strict=True))
            after = turn["seq"]
            turn |= {name: json.loads(turn[name]) for name in JSON}
            yield (
                turn
                | {name: str(turn[name]) for name in ("conversation_id", "turn_id")}
                | {"created_at": turn["created_at"].isoformat()}
            )
        if len(rows) < PAGE:
            return
