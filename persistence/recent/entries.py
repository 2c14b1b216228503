"""One cached turn: its seq and place in the list, a seal, and the turn as JSON.

    seq, 16 digits · bytes before it, 16 digits · seal, 32 bytes · JSON

The scripts in Redis read the first two alone, to keep the list without a gap and within its size. The seal is keyed
with HASH_SECRET and holds for one conversation: whatever else can write to that Redis cannot put words into a
transcript. Its key also depends on the shape of a turn, so that what another release wrote is simply not ours.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json  # json takes twice as long

from persistence.privacy.hashing import secrets_from_settings
from persistence.transcript import HistoryTurn

ERASED = b"erased"  # in place of a list: nothing of this conversation may be cached any more
SEAL = slice(32, 64)
TEXT = slice(64, None)
SHAPE = ",".join(HistoryTurn._fields)
_ID, _WHEN, _BEFORE, _DIGEST = map(
    HistoryTurn._fields.index, ("turn_id", "created_at", "prev_digest", "digest")
)


class Poisoned(Exception):
    """What lies in the cache is not what was put there. It is ignored, counted and rewritten."""


def encode(conversation_id: UUID, turn: HistoryTurn) -> bytes:
    """Return seal and JSON of a turn; ``entry`` makes an entry of it."""
    text = to_json(turn, bytes_mode="hex")
    return sha256(text + _key(conversation_id)).digest() + text


def entry(seq: int, before: int, encoded: bytes) -> bytes:
    """Return an encoded turn with its seq and the bytes that all earlier ones took, some of which may be gone."""
    return b"%016d%016d%b" % (seq, before, encoded)


def claimed_seq(found: bytes) -> int | None:
    """Return the seq that an entry claims to have; only ``decode`` knows whether it is true."""
    return int(found[:16]) if found[:16].isdigit() else None


def decode(conversation_id: UUID, found: Sequence[bytes]) -> list[HistoryTurn]:
    """Return the turns of entries that follow on each other in seq and in the chain of digests. Raises Poisoned."""
    key = _key(conversation_id)
    texts = [one[TEXT] for one in found]
    seals = b"".join([sha256(text + key).digest() for text in texts])
    if not hmac.compare_digest(seals, b"".join([one[SEAL] for one in found])):
        raise Poisoned("a seal does not hold")
    try:
        turns = [_turn(from_json(text, allow_inf_nan=False, cache_strings="keys")) for text in texts]
    except (IndexError, ValueError, TypeError) as error:
        raise Poisoned(f"an entry has no known form: {error}") from error
    for before, turn in pairwise(turns):
        if not follows(turn, before):
            raise Poisoned("turns do not follow on each other")
    return turns


def follows(turn: HistoryTurn, before: HistoryTurn) -> bool:
    """Say whether a turn is the next one, by its seq and by the chain of digests."""
    return turn.seq == before.seq + 1 and turn.prev_digest == before.digest


def _turn(row: list[Any]) -> HistoryTurn:
    row[_ID], row[_WHEN] = UUID(row[_ID]), datetime.fromisoformat(row[_WHEN])
    row[_BEFORE], row[_DIGEST] = bytes.fromhex(row[_BEFORE]), bytes.fromhex(row[_DIGEST])
    return HistoryTurn._make(row)


def _key(conversation_id: UUID) -> bytes:
    # Hashed behind the text: in front of it, SHA-256 would let others seal longer texts. HMAC costs twice as much.
    return _derived(secrets_from_settings().current[1]) + conversation_id.bytes


@lru_cache(maxsize=8)
def _derived(secret: bytes) -> bytes:
    return hmac.digest(secret, f"holdfast recent turns: {SHAPE}".encode(), "sha256")
