"""One checker over three records: the clients' history, the bucket and the database.

It knows the invariants and nothing of the experiment that ran before:

I1  nothing acknowledged is lost: every ok turn is in Postgres, and in the bucket with the same digest or visibly dead
I2  nothing from nowhere: database and bucket hold only what was acknowledged or left unknown, and each request once
I3  per conversation no gap, in the order in which the client spoke; first copies arrive off-box in that order
I5  one content per key for ever; the chain verifies; the bucket has no hole below ``archived_through_seq``

Digests are computed here from their definition (docs, ``persistence.content``), not by the code that wrote them.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.faults.history import History
from tests.faults.records import Bucket, Database

STUCK = {"dead", "parked"}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


def check(history: History, database: Database, bucket: Bucket, *, drained: bool = True) -> list[Violation]:
    """Return every violation. With ``drained`` the outbox must have nothing left that is on its way."""
    return [
        *nothing_acknowledged_is_lost(history, database, bucket, drained=drained),
        *nothing_comes_from_nowhere(history, database, bucket),
        *everything_is_in_order(history, database, bucket),
        *content_never_changes(database, bucket),
    ]


def nothing_acknowledged_is_lost(
    history: History, database: Database, bucket: Bucket, *, drained: bool
) -> Iterator[Violation]:
    """I1. A turn that the outbox has pruned counts as delivered: the bucket decides."""
    rows = {row.turn_id: row for row in database.turns}
    copies = _documents(bucket)
    for told in history.acknowledged:
        row = rows.get(told.turn_id)
        if row is None:
            yield Violation(
                "I1", f"{told.request_id} was acknowledged as {told.turn_id}, which is not in Postgres"
            )
            continue
        place = (row.conversation_id, row.seq, row.request_id, row.content_hash)
        if place != (told.conversation_id, told.seq, told.request_id, told.content_hash):
            yield Violation(
                "I1", f"{told.request_id} was acknowledged, but something else is stored: {place}"
            )
        copy = copies.get((row.conversation_id, row.seq))
        if copy is None and drained and not set(row.deliveries) & STUCK:
            yield Violation(
                "I1", f"{told.request_id} has no copy off-box and is not visibly dead: {row.deliveries}"
            )
    if drained:
        for row in database.turns:
            if "pending" in row.deliveries:
                yield Violation("I1", f"{row.request_id} is still on its way after the drain")


def nothing_comes_from_nowhere(history: History, database: Database, bucket: Bucket) -> Iterator[Violation]:
    """I2. Also: what exists in one of turn and event exists in both, and a request exists once."""
    may_exist = {attempt.request_id for attempt in history.attempts if attempt.outcome != "fail"}
    for row in database.turns:
        if row.request_id not in may_exist:
            yield Violation("I2", f"Postgres holds {row.request_id}, which nobody sent or which was refused")
    for request_id, times in Counter(row.request_id for row in database.turns).items():
        if times > 1:
            yield Violation("I2", f"{request_id} is stored {times} times")
    turn_ids = {row.turn_id for row in database.turns}
    for turn_id in database.events:
        if turn_id not in turn_ids:
            yield Violation("I2", f"the outbox tells of {turn_id}, which is not there")
    told = Counter(database.events)
    for row in database.turns:
        if told[row.turn_id] != 1:
            yield Violation("I2", f"the outbox tells {told[row.turn_id]} times of {row.request_id}")
    known = {(row.conversation_id, row.seq): row for row in database.turns}
    for place, document in _documents(bucket).items():
        row = known.get(place)
        if row is None or document.get("digest") != row.digest:
            yield Violation("I2", f"the bucket holds {place}, which is no turn of the database")
    for key in bucket.objects:
        if _place(key) is None:
            yield Violation("I2", f"the bucket holds {key}, which no turn explains")


def everything_is_in_order(history: History, database: Database, bucket: Bucket) -> Iterator[Violation]:
    """I3."""
    seqs: dict[str, list[int]] = defaultdict(list)
    for row in database.turns:
        seqs[row.conversation_id].append(row.seq)
    for conversation, found in seqs.items():
        last = database.conversations[conversation].last_seq
        if found != list(range(1, last + 1)):
            yield Violation("I3", f"{conversation} says it has {last} turns and has {found}")
    answers: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
    for told in history.acknowledged:
        first = answers[told.session_id].setdefault(told.request_id, (told.turn_id, told.seq))
        if first != (told.turn_id, told.seq):
            yield Violation(
                "I3", f"{told.request_id} was answered with {first} and with {told.turn_id}, {told.seq}"
            )
    for session, by_request in answers.items():
        order = [seq for _, seq in by_request.values()]
        if order != sorted(set(order)):
            yield Violation("I3", f"{session} was told the turns {order} in this order")
    arrived: dict[str, list[int]] = defaultdict(list)
    for put in bucket.puts:
        if (place := _place(put.key)) and place[1] not in arrived[place[0]]:
            arrived[place[0]].append(place[1])
    for conversation, order in arrived.items():
        if order != list(range(1, len(order) + 1)):
            yield Violation("I3", f"the turns of {conversation} arrived off-box in the order {order}")


def content_never_changes(database: Database, bucket: Bucket) -> Iterator[Violation]:
    """I5."""
    bodies: dict[str, set[str]] = defaultdict(set)
    for put in bucket.puts:
        bodies[put.key].add(put.sha256)
    for key, body in bucket.objects.items():
        bodies[key].add(hashlib.sha256(body).hexdigest())
    for key, found in bodies.items():
        if len(found) > 1:
            yield Violation("I5", f"{key} has had {len(found)} contents")
    previous: dict[str, str] = {}
    for row in database.turns:
        if row.prev_digest != previous.get(row.conversation_id, _first_digest(row.conversation_id)):
            yield Violation(
                "I5", f"turn {row.seq} of {row.conversation_id} does not follow from the one before it"
            )
        previous[row.conversation_id] = row.digest
    documents = _documents(bucket)
    for (conversation, seq), document in sorted(documents.items()):
        if fault := _fault(document):
            yield Violation("I5", f"the copy of turn {seq} of {conversation}: {fault}")
    for conversation, head in database.conversations.items():
        if previous.get(conversation) != head.chain_head:
            yield Violation("I5", f"the chain of {conversation} does not end in its head")
        for seq in range(1, head.archived_through_seq + 1):
            if (conversation, seq) not in documents:
                yield Violation(
                    "I5", f"{conversation} says it is archived through {head.archived_through_seq}: no {seq}"
                )


def _place(key: str) -> tuple[str, int] | None:
    """Return the conversation and seq that a key of the archive names."""
    folder, _, name = key.rpartition("/")
    parts = name.split(".")
    if len(parts) != 3 or folder != f"turns/v1/{name[:8]}" or parts[2] != "json" or not parts[1].isdigit():
        return None
    return parts[0], int(parts[1])


def _documents(bucket: Bucket) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the objects that can be read, by the place their key names."""
    found = {}
    for key, body in bucket.objects.items():
        if place := _place(key):
            try:
                found[place] = json.loads(body)
            except ValueError:
                found[place] = {}
    return found


def _first_digest(conversation_id: str) -> str:
    return hashlib.sha256(f"holdfast conversation {conversation_id}".encode()).hexdigest()


def _fault(document: dict[str, Any]) -> str | None:
    """Recompute an object's digests; return what does not fit."""
    try:
        text = json.dumps(document["content"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        content = hashlib.sha256(bytes.fromhex(document["salt"]) + text.encode()).digest()
        digest = hashlib.sha256(bytes.fromhex(document["prev_digest"]) + content).hexdigest()
        if content.hex() != document["content_digest"] or digest != document["digest"]:
            return "its content does not have the digest that it carries"
    except (KeyError, ValueError, TypeError):
        return "it cannot be read"
    return None
