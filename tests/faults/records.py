"""What the checker compares with the clients' history: the database's record and the bucket's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from persistence.archive.sinks import Sink
from tests.fakes.s3 import FakeS3
from tests.faults.history import content_hash

TURNS = """
SELECT c.public_id::text, t.seq, t.turn_id::text, t.request_id, t.messages, encode(t.prev_digest, 'hex'),
       encode(t.digest, 'hex'), array(
           SELECT delivery.status FROM outbox_event AS event
           JOIN outbox_delivery AS delivery ON delivery.event_id = event.event_id
           JOIN outbox_lane AS lane ON lane.id = delivery.lane_id
           WHERE lane.destination = 'archive' AND event.payload ->> 'turn_id' = t.turn_id::text ORDER BY delivery.id)
FROM persistence_turn AS t JOIN persistence_conversation AS c ON c.id = t.conversation_id ORDER BY c.public_id, t.seq
"""
CONVERSATIONS = """
SELECT public_id::text, last_seq, encode(chain_head, 'hex'), archived_through_seq FROM persistence_conversation
"""
EVENTS = "SELECT payload ->> 'turn_id' FROM outbox_event WHERE event_type = 'turn.recorded'"


@dataclass(frozen=True, slots=True)
class Row:
    """A turn in the database. ``deliveries`` are the statuses of its deliveries to the archive, oldest first."""

    conversation_id: str
    seq: int
    turn_id: str
    request_id: str
    content_hash: str
    prev_digest: str
    digest: str
    deliveries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """What a conversation says about its turns."""

    last_seq: int
    chain_head: str
    archived_through_seq: int


@dataclass(slots=True)
class Database:
    """The database's record; ``events`` are the turns that the outbox tells about."""

    turns: list[Row] = field(default_factory=list)
    conversations: dict[str, Head] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Put:
    """One body that a store took under a key, in the order taken."""

    key: str
    sha256: str


@dataclass(slots=True)
class Bucket:
    """The bucket's record. ``puts`` is its log of what it took, where it keeps one."""

    objects: dict[str, bytes] = field(default_factory=dict)
    puts: list[Put] = field(default_factory=list)


def read_database(url: str) -> Database:
    """Read the record in one snapshot, with a connection of its own."""
    connection = psycopg2.connect(url)
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute(TURNS)
            turns = [_row(row) for row in cursor.fetchall()]
            cursor.execute(CONVERSATIONS)
            conversations = {found: Head(*rest) for found, *rest in cursor.fetchall()}
            cursor.execute(EVENTS)
            return Database(turns, conversations, [turn_id for (turn_id,) in cursor.fetchall()])
    finally:
        connection.close()


def read_sink(sink: Sink) -> Bucket:
    """Read what any sink holds, object by object."""
    return Bucket({entry.key: sink.get(entry.key) for entry in sink.list()})


def read_fake(s3: FakeS3) -> Bucket:
    """Read what the fake store holds and the log of what it took."""
    puts = [Put(put["key"], put["sha256"]) for put in s3.requests("PUT") if put["status"] == 200]
    return Bucket(s3.objects(), puts)


def _row(row: Sequence[Any]) -> Row:
    conversation_id, seq, turn_id, request_id, messages, prev_digest, digest, deliveries = row
    hashed = content_hash(messages)
    return Row(conversation_id, seq, turn_id, request_id, hashed, prev_digest, digest, tuple(deliveries))
