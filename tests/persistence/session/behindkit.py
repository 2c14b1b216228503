"""Short words for writing onto a domain's stream as the scripts of the Redis store do, and for what came of it."""

import json
import time
from typing import Any

from redis import Redis

from persistence.models import SessionState, StateCheckpoint
from persistence.session.behind.apply import apply_some
from persistence.session.behind.stream import GROUP, Stream, key_of, register

DOMAIN = "demo"


def session_of(number: int) -> str:
    return f"{number:064x}"


def fields(session: int = 1, *, version: int = 1, **changed: Any) -> dict[str, Any]:
    """One write as it lies on the stream."""
    now = int(time.time() * 1000)
    return {
        "channel": "web",
        "session": session_of(session),
        "state": "active",
        "confidence": "0.5",
        "turn_id": "",
        "version": version,
        "previous": version - 1,
        "redaction_version": 1,
        "updated_at": now,
        "expires_at": now + 2_700_000,
        "data": json.dumps({"step": version}),
        "kind": "state",
        **changed,
    }


def acknowledge(redis: Redis, *entries: dict[str, Any], domain: str = DOMAIN) -> list[str]:
    """Put entries onto the stream; returns their ids."""
    register(redis, domain)
    return [redis.xadd(key_of(domain), entry).decode() for entry in entries]


def stream(redis: Redis, domain: str = DOMAIN) -> Stream:
    return Stream(redis, domain)


def left_on(redis: Redis, domain: str = DOMAIN) -> int:
    return redis.xlen(key_of(domain))


def apply_all(redis: Redis, domain: str = DOMAIN) -> None:
    while apply_some(stream(redis, domain)):
        pass


def grow_old(redis: Redis, domain: str = DOMAIN) -> None:
    """Let half a minute pass for everything that some worker holds."""
    held = [
        found["message_id"].decode() for found in redis.xpending_range(key_of(domain), GROUP, "-", "+", 1000)
    ]
    if held:
        redis.xclaim(key_of(domain), GROUP, "holdfast", 0, held, idle=31_000, justid=True)


def come_due(redis: Redis, domain: str = DOMAIN) -> None:
    """Let the delay pass for everything that waits for its next attempt."""
    key = f"{key_of(domain)}:failed"
    for entry_id, note in redis.hgetall(key).items():
        redis.hset(key, entry_id, json.dumps(json.loads(note) | {"due": 0}))
    grow_old(redis, domain)


def kept(session: int = 1) -> SessionState:
    return SessionState.objects.get(session_hash=bytes.fromhex(session_of(session)))


def checkpoint(domain: str = DOMAIN) -> StateCheckpoint:
    return StateCheckpoint.objects.get(domain=domain)
