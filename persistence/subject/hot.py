"""What lies in Redis of a customer who was erased: session states, writes on their way to Postgres, recent turns."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from redis import Redis, RedisError

from persistence.hot.client import HotUnavailable, patient
from persistence.hot.errors import reason_of
from persistence.models import Conversation
from persistence.recent import cache
from persistence.session.behind.stream import Stream
from persistence.session.redis import state_key
from persistence.session.subject import forget_rows
from persistence.subject.port import Subject

AT_ONCE = 500


def sessions_of(subject: Subject) -> list[list[str]]:
    """Return the subject's sessions as a record keeps them until its erasure is finished: [channel, hash in hex]."""
    found = Conversation.objects.filter(pk__in=subject.pks).order_by("pk")
    return [[channel, bytes(named).hex()] for channel, named in found.values_list("channel", "session_hash")]


def forget_hot(domain: str, sessions: Sequence[Sequence[str]], conversations: Sequence[UUID]) -> None:
    """Delete what Redis has of these, and what write-behind had in hand when they were erased.

    1. what waits to be written · 2. the states · 3. the recent turns · 4. rows that were written meanwhile. May be
    repeated. Raises HotUnavailable when Redis did not confirm and is in use; where it is not, there is nothing in it.
    """
    try:
        client = patient()
        Stream(client, domain).withdraw({named for _, named in sessions})
        unlink(client, [state_key(domain, channel, named) for channel, named in sessions])
        cache.forget(domain, conversations)
    except HotUnavailable:
        if is_in_use():
            raise
    except RedisError as error:
        if is_in_use():
            raise HotUnavailable(reason_of(error)) from error
    forget_rows([bytes.fromhex(named) for _, named in sessions])


def unlink(client: Redis, keys: Sequence[str]) -> None:
    for start in range(0, len(keys), AT_ONCE):
        client.unlink(*keys[start : start + AT_ONCE])


def is_in_use() -> bool:
    """Say whether the settings put anything about customers into Redis."""
    return settings.SESSION_STATE_BACKEND.startswith("redis") or settings.HISTORY_CACHE == "redis"
