"""The checker itself: it accepts a world in order, and finds each violation that is planted in it."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from persistence.archive.sinks import SinkConfig, open_sink
from tests.faults.checker import check
from tests.faults.client import said
from tests.faults.history import Attempt, History, content_hash
from tests.faults.records import Bucket, Database, Head, Put, Row, read_database, read_fake, read_sink

ONE, TWO = "0192d3a4-0000-7000-8000-000000000001", "0192d3a4-0000-7000-8000-000000000002"


@dataclass
class World:
    """Two conversations of three turns each, acknowledged, stored and archived."""

    history: History
    database: Database
    bucket: Bucket

    def violated(self, **how: Any) -> set[str]:
        return {found.invariant for found in check(self.history, self.database, self.bucket, **how)}

    def change(self, index: int, **values: Any) -> None:
        """Change one row of the database."""
        self.database.turns[index] = dataclasses.replace(self.database.turns[index], **values)

    def tell(self, index: int, **values: Any) -> None:
        """Change what a client was told."""
        self.history.attempts[index] = dataclasses.replace(self.history.attempts[index], **values)

    def head(self, conversation: str, **values: Any) -> None:
        found = self.database.conversations[conversation]
        self.database.conversations[conversation] = dataclasses.replace(found, **values)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def key(conversation: str, seq: int) -> str:
    return f"turns/v1/{conversation[:8]}/{conversation}.{seq:010d}.json"


@pytest.fixture
def world() -> World:
    made = World(History(), Database(), Bucket())
    for conversation in (ONE, TWO):
        previous = sha(f"holdfast conversation {conversation}".encode())
        for seq in (1, 2, 3):
            previous = add_turn(made, conversation, seq, previous)
        made.database.conversations[conversation] = Head(3, previous, 3)
    return made


def add_turn(world: World, conversation: str, seq: int, previous: str) -> str:
    request_id, turn_id = f"{conversation}/{seq}", f"turn-{conversation}-{seq}"
    messages, salt = said(request_id), b"salt" * 4
    content = {"turn_id": turn_id, "request_id": request_id, "messages": messages}
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    content_digest = hashlib.sha256(salt + text)
    digest = sha(bytes.fromhex(previous) + content_digest.digest())
    document = {
        "content": content,
        "salt": salt.hex(),
        "content_digest": content_digest.hexdigest(),
        "prev_digest": previous,
        "digest": digest,
    }
    body, hashed = json.dumps(document).encode(), content_hash(messages)
    world.history.add(
        Attempt(request_id, f"session {conversation}", hashed, "ok", 201, conversation, turn_id, seq)
    )
    row = Row(conversation, seq, turn_id, request_id, hashed, previous, digest, ("delivered",))
    world.database.turns.append(row)
    world.database.events.append(turn_id)
    world.bucket.objects[key(conversation, seq)] = body
    world.bucket.puts.append(Put(key(conversation, seq), sha(body)))
    return digest


def test_a_world_in_order_has_no_violation(world):
    assert world.violated() == set()


def lose_a_turn(world: World) -> None:
    """The last turn of a conversation, and everything that knows of it, but for the client."""
    row = world.database.turns.pop()
    world.database.events.remove(row.turn_id)
    world.head(TWO, last_seq=2, chain_head=world.database.turns[-1].digest, archived_through_seq=2)
    del world.bucket.objects[key(TWO, 3)]
    del world.bucket.puts[-1]


def damage(world: World) -> None:
    document = json.loads(world.bucket.objects[key(ONE, 2)])
    document["content"]["messages"][0]["content"] = "something else"
    world.bucket.objects[key(ONE, 2)] = json.dumps(document).encode()
    world.bucket.puts[1] = Put(key(ONE, 2), sha(world.bucket.objects[key(ONE, 2)]))


PLANTED: dict[str, tuple[str, Callable[[World], object]]] = {
    "an acknowledged turn is gone": ("I1", lose_a_turn),
    "something else is stored than was acknowledged": ("I1", lambda w: w.change(0, content_hash="other")),
    "a client was told another seq than is stored": ("I1", lambda w: w.tell(5, seq=4)),
    "an acknowledged turn has no copy": ("I1", lambda w: w.bucket.objects.pop(key(ONE, 3)) and w.head(ONE, archived_through_seq=2)),
    "a delivery is still pending": ("I1", lambda w: w.change(0, deliveries=("pending",))),
    "a refused turn is stored": ("I2", lambda w: w.tell(0, outcome="fail")),
    "a turn that nobody sent is stored": ("I2", lambda w: w.history.attempts.pop()),
    "a request is stored twice": ("I2", lambda w: w.change(1, request_id=f"{ONE}/1")),
    "an event tells of no turn": ("I2", lambda w: w.database.events.append("nowhere")),
    "a turn has no event": ("I2", lambda w: w.database.events.pop()),
    "a turn has two events": ("I2", lambda w: w.database.events.append(w.database.events[0])),
    "the bucket holds a turn that is not stored": ("I2", lambda w: w.bucket.objects.update({key(ONE, 4): w.bucket.objects[key(ONE, 3)]})),
    "the bucket holds another turn than is stored": ("I2", lambda w: w.bucket.objects.update({key(ONE, 1): w.bucket.objects[key(TWO, 1)]})),
    "the bucket holds a stranger's object": ("I2", lambda w: w.bucket.objects.update({"notes.txt": b""})),
    "a seq is missing": ("I3", lambda w: w.database.turns.pop(1)),
    "a seq is beyond the last": ("I3", lambda w: w.head(ONE, last_seq=2)),
    "a retry was answered with another turn": ("I3", lambda w: w.history.add(dataclasses.replace(w.history.attempts[0], turn_id="other"))),
    "turns are stored in another order than they were said": ("I3", lambda w: (w.tell(0, seq=2), w.tell(1, seq=1))),
    "copies arrived in another order": ("I3", lambda w: w.bucket.puts.insert(0, w.bucket.puts.pop(1))),
    "the first copy to arrive is not the first turn": ("I3", lambda w: w.bucket.puts.pop(0)),
    "a key has had two contents": ("I5", lambda w: w.bucket.puts.append(Put(key(ONE, 1), "other"))),
    "a copy is damaged": ("I5", damage),
    "a copy cannot be read": ("I5", lambda w: w.bucket.objects.update({key(ONE, 1): b"{"})),
    "a turn does not follow from the one before": ("I5", lambda w: w.change(1, prev_digest="00" * 32)),
    "a chain does not start from its conversation": ("I5", lambda w: w.change(0, prev_digest="00" * 32)),
    "a chain does not end in its head": ("I5", lambda w: w.head(TWO, chain_head="00" * 32)),
    "there is a hole below the high-water mark": ("I5", lambda w: w.bucket.objects.pop(key(ONE, 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(world, name):
    invariant, plant = PLANTED[name]
    plant(world)
    assert invariant in world.violated()


def test_what_is_left_unknown_may_be_there_or_not(world):
    world.tell(5, outcome="unknown")
    assert world.violated() == set()
    lose_a_turn(world)
    assert world.violated() == set()


def test_a_turn_that_is_visibly_dead_needs_no_copy(world):
    world.change(5, deliveries=("dead",))
    del world.bucket.objects[key(TWO, 3)]
    world.head(TWO, archived_through_seq=2)
    assert world.violated() == set()


def test_before_the_drain_a_turn_may_be_on_its_way(world):
    world.change(5, deliveries=("pending",))
    del world.bucket.objects[key(TWO, 3)]
    world.head(TWO, archived_through_seq=2)
    assert world.violated(drained=False) == set()
    assert world.violated() == {"I1"}


def test_the_records_of_a_real_run_are_read_whole(house):
    """Through the real rows and the real bucket, from two sides, and with one real violation."""
    house = house()
    client = house.web().ready()
    client.converse("s", 3)
    client.post("s", "stale", expected_seq=0)
    house.relay()
    house.drain()
    house.check()
    config = SinkConfig(
        url=f"s3://{house.s3.bucket}",
        endpoint=house.s3.url,
        access_key=house.s3.access_key,
        secret_key=house.s3.secret_key,
    )
    sink = open_sink(config)
    try:
        assert read_sink(sink).objects == read_fake(house.s3).objects
    finally:
        sink.close()
    database = read_database(house.database_url)
    assert [(row.seq, row.deliveries) for row in database.turns] == [(n, ("delivered",)) for n in (1, 2, 3)]

    house.query("DELETE FROM outbox_delivery WHERE seq = 3")
    house.query("DELETE FROM outbox_event WHERE ordering_seq = 3")
    house.query("DELETE FROM persistence_turn WHERE seq = 3")
    with pytest.raises(AssertionError, match="I1: s/3 was acknowledged"):
        house.check()
