"""The outbox's handler for the archive: many lanes at once, each lane's objects in order, put-if-absent.

A lane carries a conversation's turns and the documents about it. Only turns move its high-water mark.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from django.conf import settings
from django.db import connection

from outbox.destinations import Destination, MaySend
from outbox.outcomes import ClaimedDelivery, Delivered, Failed, Outcome, Parked, Unavailable
from persistence.archive.documents import document_of
from persistence.archive.objects import ArchivedTurn, encode
from persistence.archive.rows import turns_by_id
from persistence.archive.sinks import Sink, SinkError
from persistence.archive.store import configured_sink
from persistence.prepare import EVENT_TYPE as TURN

# A conversation whose turn is being written right now is skipped: its next delivery brings the mark up to date.
MARK_ARCHIVED = """
UPDATE persistence_conversation AS c SET archived_through_seq = given.seq
FROM unnest(%(ids)s::uuid[], %(seqs)s::bigint[]) AS given (public_id, seq)
WHERE c.id = ANY (ARRAY(
    SELECT id FROM persistence_conversation WHERE public_id = ANY (%(ids)s::uuid[])
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)) AND c.public_id = given.public_id AND c.archived_through_seq < given.seq
"""


class ArchiveHandler:
    """Puts objects into the configured sink. One per process; lanes go in parallel, a lane's objects one by one."""

    def __init__(self, _destination: Destination) -> None:
        self._sink: Sink = configured_sink()
        self._threads = ThreadPoolExecutor(settings.ARCHIVE_CONCURRENCY, thread_name_prefix="archive")

    def deliver(self, lanes: Sequence[Sequence[ClaimedDelivery]], may_send: MaySend) -> dict[int, Outcome]:
        """1. read all turns at once · 2. put lane by lane, in order · 3. raise each conversation's high-water mark."""
        turns = turns_by_id(
            [one.payload["turn_id"] for lane in lanes for one in lane if one.event_type == TURN]
        )
        sink_is_out = Event()

        def put_lane(lane: Sequence[ClaimedDelivery]) -> dict[int, Outcome]:
            outcomes: dict[int, Outcome] = {}
            for delivery in lane:
                if sink_is_out.is_set() or not may_send():
                    break
                outcome = put(self._sink, delivery, turns)
                outcomes[delivery.id] = outcome
                if isinstance(outcome, Unavailable):
                    sink_is_out.set()
                if not isinstance(outcome, Delivered):
                    break
            return outcomes

        outcomes = {
            key: value for found in self._threads.map(put_lane, lanes) for key, value in found.items()
        }
        mark_archived(lanes, outcomes)
        return outcomes


def put(sink: Sink, delivery: ClaimedDelivery, turns: Mapping[str, ArchivedTurn]) -> Outcome:
    """Put what one delivery is about and say what became of it."""
    if delivery.event_type == TURN:
        turn = turns.get(delivery.payload["turn_id"])
        if turn is None:
            return Parked("turn_missing")
        return put_object(sink, turn.key, encode(turn))
    document = document_of(delivery)
    if document is None:
        return Parked("event_unknown")
    return put_object(sink, *document)


def put_object(sink: Sink, key: str, body: bytes) -> Outcome:
    """Put one object and translate what the store said."""
    try:
        sink.put_if_absent(key, body)
    except SinkError as error:
        if error.endpoint_down:
            return Unavailable(error.code, error.retry_after)
        return Failed(error.code, error.retry_after)
    return Delivered()


def mark_archived(lanes: Sequence[Sequence[ClaimedDelivery]], outcomes: Mapping[int, Outcome]) -> None:
    """Raise ``archived_through_seq`` to the last turn of each lane that arrived."""
    reached = {
        delivery.ordering_key: delivery.seq
        for lane in lanes
        for delivery in lane
        if delivery.event_type == TURN and isinstance(outcomes.get(delivery.id), Delivered)
    }
    if reached:
        with connection.cursor() as cursor:
            cursor.execute(MARK_ARCHIVED, {"ids": list(reached), "seqs": list(reached.values())})
