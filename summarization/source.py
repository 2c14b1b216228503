"""What was said in a conversation, as a summariser may see it: redacted by today's rules, without the app's own words.

Reads are plain statements in autocommit mode; no transaction is open when they return.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from django.db import connection

from persistence.privacy.redaction import REDACTION_VERSION, redact_text
from summarization.draft import Role, Said, Source, SourceTurn

PAGE = 200  # turns at once; one may be 256 KiB, most are less than two
MOST_BATCH_BYTES = 16 * 1024 * 1024  # of text that is held for several conversations at once

HEADS = """
SELECT id, public_id, domain, channel, customer_ref, control, last_turn_at, last_seq
FROM persistence_conversation WHERE id = ANY (%(pks)s) ORDER BY id
"""
# Both read through persistence_turn_seq_once, in order.
TURNS = """
SELECT seq, redaction_version, messages FROM persistence_turn
WHERE conversation_id = %(conversation)s AND seq > %(after)s AND seq <= %(to_seq)s ORDER BY seq LIMIT %(limit)s
"""
SHORT_ONES = """
SELECT wanted.id, turn.seq, turn.redaction_version, turn.messages
FROM unnest(%(pks)s::bigint[], %(to_seqs)s::bigint[]) AS wanted (id, to_seq)
CROSS JOIN LATERAL (
    SELECT seq, redaction_version, messages FROM persistence_turn
    WHERE conversation_id = wanted.id AND seq <= wanted.to_seq ORDER BY seq LIMIT %(limit)s
) AS turn
"""
ROLES = frozenset(get_args(Role))
Row = tuple[int, int, str]  # seq, redaction version, messages as JSON text


@dataclass(frozen=True, slots=True)
class _Head:
    pk: int
    public_id: UUID
    domain: str
    channel: str
    customer_ref: str | None
    control: str
    last_turn_at: datetime
    last_seq: int

    def source(self, to_seq: int, turns: Iterable[SourceTurn]) -> Source:
        return Source(
            conversation_pk=self.pk,
            conversation_id=self.public_id,
            domain=self.domain,
            channel=self.channel,
            customer_ref=self.customer_ref,
            control=self.control,
            last_turn_at=self.last_turn_at,
            to_seq=to_seq,
            redaction_version=REDACTION_VERSION,
            turns=tuple(turns),
        )


def read_source(conversation_pk: int, *, to_seq: int | None = None) -> Source | None:
    """Read a conversation, page by page, up to ``to_seq`` or as far as it has come; None when it is not there.

    Turns in which nobody said anything are left out. What is said meanwhile is not read: ``to_seq`` says how far.
    """
    heads = _heads([conversation_pk])
    if not heads:
        return None
    [head] = heads
    through = head.last_seq if to_seq is None else min(to_seq, head.last_seq)
    return head.source(through, _spoken(_pages(head.pk, through)))


def read_sources(conversation_pks: Sequence[int]) -> dict[int, Source]:
    """Read many short conversations in few statements, by primary key.

    Whichever is missing from the answer is long, or there was no room for it beside the others, or it is gone:
    ``read_source`` reads it, alone.
    """
    found: dict[int, Source] = {}
    room = MOST_BATCH_BYTES
    for group in _groups(head for head in _heads(conversation_pks) if head.last_seq <= PAGE):
        rows = _rows_of(group)
        for head in group:
            mine = rows.get(head.pk, [])
            room -= sum(len(messages) for _, _, messages in mine)
            if room < 0:
                return found
            found[head.pk] = head.source(head.last_seq, _spoken(mine))
    return found


def _heads(pks: Sequence[int]) -> list[_Head]:
    with connection.cursor() as cursor:
        cursor.execute(HEADS, {"pks": list(pks)})
        return [_Head(*row) for row in cursor.fetchall()]


def _groups(heads: Iterable[_Head]) -> Iterator[list[_Head]]:
    """Yield conversations together that make one page."""
    group: list[_Head] = []
    turns = 0
    for head in heads:
        if group and turns + head.last_seq > PAGE:
            yield group
            group, turns = [], 0
        group.append(head)
        turns += head.last_seq
    if group:
        yield group


def _rows_of(group: Sequence[_Head]) -> dict[int, list[Row]]:
    wanted: dict[str, Any] = {
        "pks": [head.pk for head in group],
        "to_seqs": [head.last_seq for head in group],
        "limit": PAGE,
    }
    found: dict[int, list[Row]] = {}
    with connection.cursor() as cursor:
        cursor.execute(SHORT_ONES, wanted)
        for pk, *row in cursor.fetchall():
            found.setdefault(pk, []).append(tuple(row))
    return found


def _pages(pk: int, to_seq: int) -> Iterator[Row]:
    after = 0
    while after < to_seq:
        place = {"conversation": pk, "after": after, "to_seq": to_seq, "limit": PAGE}
        with connection.cursor() as cursor:
            cursor.execute(TURNS, place)
            rows = cursor.fetchall()
        if not rows:  # erased since its head was read
            return
        yield from rows
        after = rows[-1][0]


def _spoken(rows: Iterable[Row]) -> Iterator[SourceTurn]:
    for seq, redaction_version, messages in rows:
        if said := said_in(messages, redaction_version):
            yield SourceTurn(seq, said)


def said_in(messages: str, redaction_version: int, *, longest: int | None = None) -> tuple[Said, ...]:
    """Return what people and the assistant said in a turn, given as JSON text; at most ``longest`` characters each."""
    return tuple(_said(json.loads(messages), redaction_version, longest))


def _said(messages: list[dict[str, Any]], redaction_version: int, longest: int | None) -> Iterator[Said]:
    for message in messages:
        text = message.get("content")
        if message.get("role") not in ROLES or not isinstance(text, str) or not text.strip():
            continue
        # What an older release stored, or a newer one beside this one, has not been through these rules; and half a
        # card's number would pass them.
        text = text if redaction_version == REDACTION_VERSION else redact_text(text)
        yield Said(message["role"], text[:longest])
