"""A conversation's last turns in Redis: put there after their commit, read while they reach to its head, forgotten.

What Postgres has just said about the conversation decides whether they are used: the newest must have its ``last_seq``
and its ``chain_head``. So a list that missed a turn is not stale, it is nothing; and one from before Postgres was set
back to an older day is nothing either.
"""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection

from persistence.hot.client import HotUnavailable, hot, patient
from persistence.hot.errors import reason_of
from persistence.recent.entries import ERASED, Poisoned, claimed_seq, decode, encode, entry, follows
from persistence.recent.room import room
from persistence.recent.scripts import APPEND, FILL, FORGET, run
from persistence.transcript import FoundConversation, HistoryTurn
from persistence.turns import RecordedTurn

ERASED_FOR_MS = 3_600_000  # longer than any reader can still hold turns that it read before the erasure
FORGOTTEN_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Held:
    """The newest turns of a conversation up to its head; none where what is held does not end there.

    ``size`` is their bytes in Redis.
    """

    turns: list[HistoryTurn]
    size: int


NOTHING = Held([], 0)


def key_of(domain: str, conversation_id: UUID) -> str:
    """Return where the turns lie. All of a domain lie in one slot of a Redis Cluster."""
    return f"hfc:{{{domain}}}:{conversation_id}"


def append(domain: str, recorded: RecordedTurn) -> None:
    """Put a turn behind those that are held, once it is committed. Raises nothing that Redis does.

    Where the turn before it is not the last one held, nothing happens: the next read brings both. Inside a transaction,
    which may still be rolled back, nothing happens either.
    """
    turn = recorded.stored
    if settings.HISTORY_CACHE == "off" or turn is None or connection.in_atomic_block:
        return
    encoded = encode(recorded.conversation_id, turn)
    key = key_of(domain, recorded.conversation_id)

    def work(client: redis.Redis) -> int:
        kept = encoded if len(encoded) <= settings.HISTORY_CACHE_BYTES and room.left(client) else b""
        sizes = (settings.HISTORY_CACHE_TURNS, settings.HISTORY_CACHE_BYTES)
        return run(client, APPEND, [key], turn.seq, kept, *sizes, milliseconds_to_live(), ERASED)

    with contextlib.suppress(HotUnavailable):
        hot().call(work, operation="history_append")


def read(conversation: FoundConversation, reach: int) -> Held:
    """Return the last ``reach`` turns up to the conversation's head, or as many of them as are held.

    Raises Poisoned when something lies there that is not what was put there, and HotUnavailable.
    """
    key = key_of(conversation.domain, conversation.conversation_id)
    found = hot().call(lambda client: newest(client, key, reach), operation="history_read")
    if found is None:
        raise Poisoned("it is no list")
    if not found or found[-1] == ERASED:
        return NOTHING
    if (claim := claimed_seq(found[-1])) != conversation.last_seq:
        (head,) = decode(conversation.conversation_id, found[-1:])
        if head.seq != claim:
            raise Poisoned("its newest turn is not what it claims to be")  # it would keep the true one out
        return NOTHING
    turns = decode(conversation.conversation_id, found)
    if not is_head(conversation, turns[-1]):
        raise Poisoned("its newest turn is not the one that Postgres has")
    return Held(turns, sum(map(len, found)))


def is_head(conversation: FoundConversation, turn: HistoryTurn) -> bool:
    """Say whether this is the conversation's last turn."""
    return turn.seq == conversation.last_seq and turn.digest == conversation.chain_head


def fill(
    conversation: FoundConversation, turns: Sequence[HistoryTurn], held: Held, *, worthless: bool
) -> None:
    """Hold these turns, read from Postgres outside a transaction, where they end at the head and add to what is held.

    ``worthless``: what lies there now is poisoned, and is replaced whatever it claims to be. Raises nothing that Redis
    does.
    """
    if not turns or not is_head(conversation, turns[-1]):
        return
    if held.turns and not (len(turns) > len(held.turns) and fits_too(conversation, turns, held)):
        return
    entries = newest_that_fit(conversation, turns)
    key = key_of(conversation.domain, conversation.conversation_id)

    def work(client: redis.Redis) -> int:
        if not entries or not room.left(client):
            return 0
        values = (conversation.last_seq, int(worthless), ERASED, milliseconds_to_live(), *entries)
        return run(client, FILL, [key], *values)

    with contextlib.suppress(HotUnavailable):
        hot().call(work, operation="history_fill")


def fits_too(conversation: FoundConversation, turns: Sequence[HistoryTurn], held: Held) -> bool:
    """Say whether the turn before those held has room too. If not, a new list would be no longer than this one."""
    encoded = encode(conversation.conversation_id, turns[-len(held.turns) - 1])
    return held.size + len(encoded) <= settings.HISTORY_CACHE_BYTES


def newest_that_fit(conversation: FoundConversation, turns: Sequence[HistoryTurn]) -> list[bytes]:
    """Return the entries of the newest turns that a list may hold, the newest last.

    It ends where the chain is broken: such turns are Postgres' to tell, and would be taken for poison here.
    """
    taken: list[tuple[int, bytes]] = []
    left, follower = settings.HISTORY_CACHE_BYTES, None
    for turn in reversed(turns[-settings.HISTORY_CACHE_TURNS :]):
        encoded = encode(conversation.conversation_id, turn)
        left -= len(encoded)
        if left < 0 or (follower and not follows(follower, turn)):
            break
        taken.append((turn.seq, encoded))
        follower = turn
    entries, before = [], 0
    for seq, encoded in reversed(taken):
        entries.append(entry(seq, before, encoded))
        before += len(encoded)
    return entries


def newest(client: redis.Redis, key: str, reach: int) -> list[bytes] | None:
    """Return the last entries of a list; None where something else lies under the key."""
    try:
        return client.lrange(key, -reach, -1)  # type: ignore[return-value]
    except redis.ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            return None
        raise


def forget(domain: str, conversation_ids: Iterable[UUID]) -> int:
    """Delete what is held of these conversations, whether the cache is on or not; return of how many there was any.

    For an erasure, after its commit: somebody who read turns before it cannot bring them back. May be repeated. Raises
    HotUnavailable when Redis did not confirm; then something may still lie there, for HISTORY_CACHE_DAYS at most.
    """
    if not settings.HOT_REDIS_URL:
        return 0
    keys = [key_of(domain, conversation_id) for conversation_id in conversation_ids]
    pages = (keys[start : start + FORGOTTEN_AT_ONCE] for start in range(0, len(keys), FORGOTTEN_AT_ONCE))
    try:
        return sum(run(patient(), FORGET, page, ERASED, ERASED_FOR_MS) for page in pages)
    except redis.RedisError as error:
        raise HotUnavailable(reason_of(error)) from error


def milliseconds_to_live() -> int:
    return round(settings.HISTORY_CACHE_DAYS * 86_400_000)
