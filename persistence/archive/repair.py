"""``archive repair``: put back what is missing off-box, where the database still has it unharmed.

Nothing is ever overwritten: an altered object stays for a person to look at. A turn is put back only when its own
digests hold, so that damage in the database does not become the truth off-box.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from persistence.archive.objects import ArchivedTurn, encode
from persistence.archive.rows import COLUMNS, JOIN, from_row
from persistence.archive.sinks import Sink, SinkError
from persistence.archive.verify import Verification, place_of

ONE = f"SELECT {COLUMNS} {JOIN} WHERE c.public_id = %(conversation)s AND t.seq = %(seq)s"


@dataclass(slots=True)
class Repair:
    """What was put back, and what could not be, each with its reason."""

    put_back: list[str] = field(default_factory=list)
    not_repaired: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.not_repaired

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.ok}


def repair(sink: Sink, found: Verification) -> Repair:
    """Put back the objects that a verification found missing; name everything else that it found, untouched."""
    result = Repair()
    broken = {(UUID(entry.conversation_id), entry.seq) for entry in found.chain_breaks}
    for key in found.missing:
        place = place_of(key)
        turn = stored_turn(*place) if place else None
        if turn is None or place in broken or turn.fault():
            result.not_repaired.append(f"{key}: the database does not have this turn unharmed")
            continue
        try:
            sink.put_if_absent(key, encode(turn))
            result.put_back.append(key)
        except SinkError as error:
            result.not_repaired.append(f"{key}: {error}")
    result.not_repaired += name_the_rest(found)
    return result


def stored_turn(conversation_id: UUID, seq: int) -> ArchivedTurn | None:
    """Return one turn as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(ONE, {"conversation": str(conversation_id), "seq": seq})
        row = cursor.fetchone()
    return from_row(row) if row else None


def name_the_rest(found: Verification) -> Sequence[str]:
    """Return, in words, what a repair leaves alone."""
    altered = [f"{key}: altered; compare it with the database and keep both" for key in found.altered]
    foreign = [f"{key}: no turn explains it" for key in found.foreign]
    breaks = [f"{entry.conversation_id} turn {entry.seq}: {entry.reason}" for entry in found.chain_breaks]
    return [*altered, *foreign, *breaks]
