"""Two customers with everything that this storey keeps about them, and ways to look for what is left."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from outbox.destinations import destination, load_handler
from outbox.enqueue import enqueue
from outbox.relay import relay
from persistence.access import record_reading
from persistence.models import Conversation, ErasureRecord
from persistence.subject.find import subject_of
from persistence.subject.port import Elsewhere, Erased, Subject
from persistence.turns import RecordedTurn
from tests.persistence.support import relay_archive, say

CANARY = "canary-7f3a"
LARGE = "a long story, " * 200


class Reader:
    """Enough of a user to be written down."""

    pk = None

    def get_username(self) -> str:
        return "anna"


class Owing:
    """A part that is owed something, for as long as ``reasons`` has any; and whose copy is at a desk."""

    reasons: list[str] = []
    copies: list[Elsewhere] = []

    def ordering_keys(self, subject: Subject) -> list[str]:
        return []

    def count(self, subject: Subject) -> dict[str, int]:
        return {"debts": len(self.reasons)}

    def elsewhere(self, subject: Subject) -> list[Elsewhere]:
        return self.copies

    def hindrances(self, subject: Subject) -> list[str]:
        return self.reasons

    def files(self, subject: Subject) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        yield "debts.jsonl", [{"reason": reason} for reason in self.reasons]

    def erase(self, subject: Subject) -> Erased:
        return Erased(
            {"debts": 0}, [Elsewhere(copy.where, copy.what, copy.url, True) for copy in self.copies]
        )


def customer(ref: str, *, said: str, sessions: int = 2, turns: int = 3) -> list[RecordedTurn]:
    """Let a customer speak in several sessions, and somebody read it; returns the last turn of each."""
    last = []
    for session in range(sessions):
        for number in range(turns):
            turn = say(
                f"{said} {number}",
                f"an answer to {said}",
                session_id=f"{ref} {session}",
                customer_ref=ref,
                metadata={"note": said},
                references=[said],
            )
        last.append(turn)
        pk = Conversation.objects.get(public_id=turn.conversation_id).pk
        record_reading(Reader(), pk, page="transcript", from_seq=1, to_seq=turns)
    return last


def tell_desk(conversation_id: UUID, text: str) -> UUID:
    """Enqueue an event about a conversation to the scripted desk, too large to go as it is, and carry it there."""
    with transaction.atomic():
        event_id = enqueue(
            "told",
            {"case_id": "c", "transcript": {"turns": [text, LARGE]}},
            ordering_key=str(conversation_id),
            ordering_seq=1,
        )
    load_handler.cache_clear()
    relay(destination("scripted"), budget=60, poll=0, until_empty=True)
    return event_id


def carry() -> int:
    """Carry what is due to the archive, and let go of its connections."""
    carried = relay_archive()
    load_handler(destination("archive"))._sink.close()  # type: ignore[attr-defined]
    return carried


def files_below(directory: Path) -> dict[str, bytes]:
    """Return every file below a directory, by its path there."""
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def everything() -> str:
    """Return every row of every table of ours as text."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            cursor.execute(f'SELECT one::text FROM "{model._meta.db_table}" AS one')
            found += [f"{model._meta.db_table} {row}" for (row,) in cursor.fetchall()]
    return "\n".join(found)


def rows_about(ref: str) -> list[str]:
    """Return every row of conversations, turns, readings, events and deliveries of one customer, as stored."""
    subject = subject_of("demo", ref)
    keys = [str(public_id) for public_id in subject.public_ids]
    queries: dict[str, Any] = {
        "persistence_conversation AS one WHERE id = ANY (%s)": subject.pks,
        "persistence_turn AS one WHERE conversation_id = ANY (%s)": subject.pks,
        "persistence_transcript_reading AS one WHERE conversation_id = ANY (%s)": subject.pks,
        "outbox_event AS one WHERE ordering_key = ANY (%s)": keys,
        "outbox_lane AS one WHERE ordering_key = ANY (%s)": keys,
        "outbox_delivery AS one WHERE event_id IN (SELECT event_id FROM outbox_event WHERE ordering_key = ANY (%s))": keys,
        "persistence_claim_check AS one WHERE event_id IN (SELECT event_id FROM outbox_event WHERE ordering_key = ANY (%s))": keys,
    }
    found = []
    with connection.cursor() as cursor:
        for query, given in queries.items():
            cursor.execute(f"SELECT one::text FROM {query} ORDER BY 1", [given])
            found += [row for (row,) in cursor.fetchall()]
    return found


def pass_time(record: ErasureRecord, **duration: float) -> None:
    """Let time pass for a record of an erasure: its last pass and its next pass come nearer."""
    moved = timedelta(**duration)
    ErasureRecord.objects.filter(pk=record.pk).update(
        last_pass_after=record.last_pass_after - moved, next_pass_at=timezone.now() - timedelta(seconds=1)
    )
    record.refresh_from_db()


def in_thread(act: Callable[[], Any]) -> Callable[[], Any]:
    """Run this in a thread with a connection of its own; the returned function waits for what it returned or raised."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(act())
        except Exception as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()

    def result() -> Any:
        thread.join()
        return outcome[0]

    return result


def wait_until_blocked(count: int = 1) -> None:
    """Wait until so many other connections wait for a lock."""
    while True:
        with connection.cursor() as cursor:
            # Not pg_stat_activity: a transaction sees that as it was when it first looked.
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0] >= count:
                return
            cursor.execute("SELECT pg_sleep(0.01)")


def lines(text: bytes) -> list[Any]:
    """Return the JSON values of a ``.jsonl`` file."""
    return [json.loads(line) for line in text.decode().splitlines()]
