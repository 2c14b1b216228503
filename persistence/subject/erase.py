"""``erase``: delete everything about a customer, in one durable transaction, and write down that it was done.

What lies off-box goes after the commit, by ``objects``.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import uuid_utils
from django.conf import settings
from django.db import connection, transaction

from outbox.destinations import destinations
from outbox.forget import Forgotten, forget
from persistence.database import database_now, translated
from persistence.errors import ErasureRefused, NotFound
from persistence.models import ErasureRecord
from persistence.subject.find import hashes, names_of, parts, present
from persistence.subject.hot import sessions_of
from persistence.subject.port import Elsewhere, Erased, Part, Subject

LEAST_WAIT_SECONDS = 300.0
LOCK = "SELECT id FROM persistence_conversation WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE"
TAKE_CLAIMS = "DELETE FROM persistence_claim_check WHERE event_id = ANY (%(events)s::uuid[]) RETURNING key"
HEADS = """
SELECT public_id, last_seq, encode(chain_head, 'hex') FROM persistence_conversation
WHERE id = ANY (%(ids)s) ORDER BY id
"""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gone:
    """What one erasure took away: here, in the outbox under ``keys``, and off-box by the keys of claims.

    ``known`` are the copies in other hands as they were known before the outbox forgot; ``sessions`` names what Redis
    has.
    """

    conversations: list[dict[str, Any]]
    known: list[Elsewhere]
    sessions: list[list[str]]
    keys: list[str]
    forgotten: Forgotten
    claims: list[str]
    erased: list[Erased]

    def reached(self) -> dict[str, int]:
        """Return how many rows are gone, by kind, the conversations first."""
        rows: dict[str, int] = {}
        for one in reversed(self.erased):
            rows |= one.rows
        return rows | self.forgotten.rows | {"claims": len(self.claims)}

    def elsewhere(self) -> list[Elsewhere]:
        """Return the copies in other hands, as the parts left them, and those that only the outbox knew of."""
        told = [copy for one in self.erased for copy in one.elsewhere]
        named = {(copy.where, copy.what) for copy in told}
        return told + [copy for copy in self.known if (copy.where, copy.what) not in named]


def erase(subject: Subject, *, by: str, statement_seconds: float | None = None) -> ErasureRecord:
    """Erase the subject's data and return the record of it. ``by`` says who asked, such as ``user:ann``.

    Everything is erased, or nothing is: 1. lock the conversations, those included that came since the subject was
    found · 2. ask every part for hindrances · 3. note what is in other hands, as long as the outbox remembers · 4. let
    the outbox forget, claims included · 5. delete every part's rows, the highest storey first · 6. write the record.
    Off-box objects remain: call ``objects.finish`` with the record, or leave it to the task.

    ``statement_seconds`` is how long one statement may take, where that is not what the settings say. Raises
    ErasureRefused (with ``hindrances``), NotFound when all of it is gone already, and PersistenceUnavailable when
    Postgres did not confirm; nothing is erased then, unless just the confirmation was lost, which a second call tells
    by NotFound.
    """
    with translated(), transaction.atomic(durable=True):
        if statement_seconds is not None:
            patience(statement_seconds)
        found = locked(subject)
        storeys = parts()
        if hindrances := [reason for part in storeys for reason in part.hindrances(found)]:
            raise ErasureRefused(hindrances)
        heads = heads_of(found)
        known = [copy for part in storeys for copy in part.elsewhere(found)]
        sessions = sessions_of(found)
        keys = keys_of(found, storeys)
        forgotten = forget(keys)
        claims = take_claims(forgotten)
        erased = [part.erase(found) for part in storeys]
        record = write_record(found, by, Gone(heads, known, sessions, keys, forgotten, claims, erased))
    log.info("erased a customer's data: erasure %s, by %s, %s", record.erasure_id, by, record.reached)
    return record


def patience(seconds: float) -> None:
    """Let each statement of this transaction take so long."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{round(seconds * 1000)}ms"])


def locked(subject: Subject) -> Subject:
    """Lock the subject's conversations and return it with all of them. Raises NotFound when there are none.

    A conversation that began before it could be locked is found when the others are, and is locked in turn.
    """
    held: set[int] = set()
    while True:
        found = present(subject)
        if not found.conversations:
            raise NotFound("customer" if subject.customer_ref is not None else "conversation")
        if held.issuperset(found.pks):
            return found
        with connection.cursor() as cursor:
            cursor.execute(LOCK, {"ids": found.pks})
        held.update(found.pks)


def heads_of(subject: Subject) -> list[dict[str, Any]]:
    """Return the conversations as the record keeps them."""
    with connection.cursor() as cursor:
        cursor.execute(HEADS, {"ids": subject.pks})
        return [
            {"id": str(public_id), "turns": turns, "chain_head": head}
            for public_id, turns, head in cursor.fetchall()
        ]


def keys_of(subject: Subject, storeys: Sequence[Part]) -> list[str]:
    """Return every ordering key under which the outbox holds something about the subject."""
    return sorted({key for part in storeys for key in part.ordering_keys(subject)})


def take_claims(forgotten: Forgotten) -> list[str]:
    """Delete the rows of the objects that were stored for these events and return the keys of those objects."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_CLAIMS, {"events": [str(event_id) for event_id in forgotten.events]})
        return sorted(key for (key,) in cursor.fetchall())


def write_record(subject: Subject, by: str, gone: Gone) -> ErasureRecord:
    """Write down what was done, without a word about who it was."""
    version, digest = hashes(subject.domain, names_of(subject))[0]
    now = database_now()
    return ErasureRecord.objects.create(
        erasure_id=UUID(str(uuid_utils.uuid7())),
        domain=subject.domain,
        subject_hash=digest,
        hash_version=version,
        requested_by=by[:170],
        requested_at=now,
        conversations=gone.conversations,
        reached=gone.reached(),
        elsewhere=[copy.as_json() for copy in gone.elsewhere()],
        claims=gone.claims,
        late={
            "keys": gone.keys,
            "events": [str(event_id) for event_id in gone.forgotten.in_hand],
            "sessions": gone.sessions,
        },
        last_pass_after=now + timedelta(seconds=wait_seconds()),
        next_pass_at=now,
    )


def wait_seconds() -> float:
    """Return after how long no worker can still be storing an object of what it read before the erasure.

    Its lease says until when it may begin, and the call's own deadline when it has ended; twice both, for a store that
    goes on with a request when its client has left.
    """
    lease = max((found.lease for found in destinations().values()), default=0.0)
    return max(LEAST_WAIT_SECONDS, 2 * (lease + settings.ARCHIVE_CALL_DEADLINE_SECONDS))
