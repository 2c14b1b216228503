"""``archive verify``: hold the bucket against the database and name everything that does not fit.

Both sides are read in key order and merged like two sorted lists, so memory stays flat whatever their size. Turns go on
arriving meanwhile; whatever looks wrong is therefore looked at a second time before it is named.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection

from persistence.archive import documents
from persistence.archive.chain import ChainBreak, ChainCheck
from persistence.archive.objects import PREFIX, AlteredObject, ArchivedTurn, encode, key_of
from persistence.archive.reservoir import Reservoir
from persistence.archive.rows import turns_by_id, turns_in_key_order
from persistence.archive.sinks import ObjectMissing, Sink, SinkError
from persistence.prepare import EVENT_TYPE as TURN

BATCH = 256
STILL_IN_OUTBOX = """
SELECT event.ordering_key, delivery.seq, extract(epoch FROM clock_timestamp() - event.created_at)::float8
FROM outbox_delivery AS delivery
JOIN outbox_lane AS lane ON lane.id = delivery.lane_id
JOIN outbox_event AS event ON event.event_id = delivery.event_id
WHERE lane.destination = 'archive' AND lane.ordering_key = ANY (%(keys)s) AND event.event_type = %(turn)s
  AND delivery.status IN ('pending', 'dead', 'parked')
"""
KNOWN = """
SELECT c.public_id, t.seq FROM persistence_turn AS t JOIN persistence_conversation AS c ON c.id = t.conversation_id
WHERE c.public_id = ANY (%(ids)s::uuid[]) AND t.seq = ANY (%(seqs)s::bigint[])
"""
CONVERSATIONS = "SELECT public_id FROM persistence_conversation WHERE public_id = ANY (%(ids)s::uuid[])"


@dataclass(slots=True)
class Verification:
    """The verdict. Keys are those of the archive; ``lag_seconds`` is the age of the oldest turn on its way.

    ``documents`` counts what was archived about conversations beside their turns; ``objects`` are those of turns.
    """

    turns: int = 0
    objects: int = 0
    compared: int = 0
    missing: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    chain_breaks: list[ChainBreak] = field(default_factory=list)
    documents: int = 0
    pending: int = 0
    lag_seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not (self.missing or self.altered or self.foreign or self.chain_breaks)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.ok}


@dataclass(frozen=True, slots=True)
class Pair:
    """A turn and whether the listing has its object; a key without a turn is a suspect of its own."""

    turn: ArchivedTurn | None
    key: str
    listed: bool


def verify(
    sink: Sink,
    *,
    sample: int | None = None,
    threads: int = 4,
    progress: Callable[[int], None] = lambda turns: None,
) -> Verification:
    """Compare every turn with its object, or with ``sample`` only that many objects, drawn evenly.

    Missing and foreign objects and the chain are always checked in full: a listing and the digests are enough for
    them. Documents are read too, unless it is a ``sample``. ``progress`` is told how many turns
    are done. Raises SinkError when the store cannot be read.
    """
    result = Verification()
    chain = ChainCheck()
    drawn = Reservoir(sample) if sample is not None else None
    pairs = merged(turns_in_key_order(), sink, chain, result)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(pairs, BATCH)):
            listed = [pair.turn for pair in batch if pair.turn and pair.listed]
            if drawn is None:
                compare(sink, pool, listed, result)
            else:
                drawn.offer([turn.content["turn_id"] for turn in listed])
            judge_missing(sink, [pair.turn for pair in batch if pair.turn and not pair.listed], result)
            judge_foreign([pair.key for pair in batch if not pair.turn], result)
            progress(result.turns)
        if drawn is not None:
            compare(sink, pool, list(turns_by_id(drawn.kept).values()), result)
        check_documents(sink, pool, result, read=drawn is None)
    result.chain_breaks = chain.finish()
    return result


def merged(
    turns: Iterator[tuple[ArchivedTurn, int, bytes]], sink: Sink, chain: ChainCheck, result: Verification
) -> Iterator[Pair]:
    """Merge turns and listing by key; both ascend. Counts both, and shows each turn to the chain check."""
    listing = iter(sink.list(PREFIX))
    stored = next(listing, None)
    for turn, last_seq, chain_head in turns:
        result.turns += 1
        chain.see(turn, last_seq, chain_head)
        while stored and stored.key < turn.key:
            result.objects += 1
            yield Pair(None, stored.key, listed=True)
            stored = next(listing, None)
        found = stored is not None and stored.key == turn.key
        if found:
            result.objects += 1
            stored = next(listing, None)
        yield Pair(turn, turn.key, listed=found)
    while stored:
        result.objects += 1
        yield Pair(None, stored.key, listed=True)
        stored = next(listing, None)


def compare(sink: Sink, pool: ThreadPoolExecutor, turns: list[ArchivedTurn], result: Verification) -> None:
    """Read the objects and compare them byte by byte with what the database says they are."""

    def verdict(turn: ArchivedTurn) -> str:
        try:
            return "same" if sink.get(turn.key) == encode(turn) else "altered"
        except ObjectMissing:
            return "missing"
        except SinkError as error:
            if error.code == "corrupted":
                return "altered"
            raise

    for turn, found in zip(turns, pool.map(verdict, turns), strict=True):
        result.compared += 1
        if found == "altered":
            result.altered.append(turn.key)
        elif found == "missing":
            result.missing.append(turn.key)


def check_documents(sink: Sink, pool: ThreadPoolExecutor, result: Verification, *, read: bool) -> None:
    """Count the documents; name those of no conversation; with ``read``, hold each against the digest that it carries.

    Which ones there should be is not known here: they are derived from turns, and can be made again.
    """

    def unharmed(key: str) -> bool:
        try:
            documents.check(key, sink.get(key))
        except ObjectMissing:  # of somebody who is being erased just now
            return True
        except AlteredObject:
            return False
        except SinkError as error:
            if error.code == "corrupted":
                return False
            raise
        return True

    for prefix in documents.PREFIXES.values():
        keys = (stored.key for stored in sink.list(prefix))
        while batch := list(islice(keys, BATCH)):
            result.documents += len(batch)
            explained = of_known_conversations(batch)
            result.foreign += [key for key in batch if key not in explained]
            if read:
                good = pool.map(unharmed, explained)
                result.altered += [key for key, fine in zip(explained, good, strict=True) if not fine]


def of_known_conversations(keys: list[str]) -> dict[str, UUID]:
    """Return the keys of documents whose conversation is there, each with it, in the same order."""
    whose = {key: found for key in keys if (found := documents.conversation_of(key))}
    with connection.cursor() as cursor:
        cursor.execute(CONVERSATIONS, {"ids": [str(one) for one in set(whose.values())]})
        known = {UUID(str(public_id)) for (public_id,) in cursor.fetchall()}
    return {key: conversation for key, conversation in whose.items() if conversation in known}


def judge_missing(sink: Sink, turns: list[ArchivedTurn], result: Verification) -> None:
    """Tell turns that are on their way from turns that are lost: first ask the outbox, then the store once more."""
    if not turns:
        return
    waiting: dict[tuple[str, int], float] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            STILL_IN_OUTBOX, {"keys": list({str(turn.conversation_id) for turn in turns}), "turn": TURN}
        )
        waiting = {(key, seq): age for key, seq, age in cursor.fetchall()}
    for turn in turns:
        age = waiting.get((str(turn.conversation_id), turn.seq))
        if age is not None:
            result.pending += 1
            result.lag_seconds = max(result.lag_seconds, round(age, 3))
            continue
        try:
            same = sink.get(turn.key) == encode(turn)
        except ObjectMissing:
            result.missing.append(turn.key)
        else:
            result.objects += 1
            result.compared += 1
            if not same:
                result.altered.append(turn.key)


def judge_foreign(keys: list[str], result: Verification) -> None:
    """Tell objects of turns that arrived since the turns were read from objects that no turn explains."""
    named = {key: place for key in keys if (place := place_of(key))}
    known: set[str] = set()
    if named:
        with connection.cursor() as cursor:
            ids, seqs = zip(*named.values(), strict=True)
            cursor.execute(KNOWN, {"ids": [str(found) for found in set(ids)], "seqs": list(set(seqs))})
            known = {key_of(conversation_id, seq) for conversation_id, seq in cursor.fetchall()}
    result.foreign += [key for key in keys if key not in known]


def place_of(key: str) -> tuple[UUID, int] | None:
    """Return the conversation and seq that a key of ours names, or None for any other key."""
    try:
        conversation_id, seq, _ = key.rpartition("/")[2].split(".")
        place = UUID(conversation_id), int(seq)
    except ValueError:
        return None
    return place if 0 < place[1] < 2**63 and key_of(*place) == key else None
