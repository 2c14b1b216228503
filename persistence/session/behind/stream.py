"""The stream of one domain: entries are taken, and settled, postponed or given back. Nothing is ever trimmed.

Redis remembers who took what (the group's pending list) and, in a hash beside the stream, what failed by itself: how
often, and when it is its turn again. So neither a restart of a worker nor one of Redis loses count.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis import Redis, ResponseError

GROUP = "postgres"
# One name for all workers: who took an entry never matters, only when. A worker's end leaves nothing to tidy up.
CONSUMER = "holdfast"
BATCH = 500
IDLE_MS = 30_000  # after that a worker that took an entry is taken for dead
JUST_TAKEN_MS = 1_000  # an entry whose time has come is taken by one worker alone
DOMAINS = "hfw:domains"


@dataclass(frozen=True, slots=True)
class Raw:
    """An entry as it lies there. ``attempts`` is how often it has been tried again by itself."""

    entry_id: str
    fields: dict[str, str]
    attempts: int | None = None


@dataclass(slots=True)
class Taken:
    """What a worker holds: entries that come in order, and single ones whose time has come again."""

    fresh: list[Raw] = field(default_factory=list)
    again: list[Raw] = field(default_factory=list)

    def ids(self) -> list[str]:
        return [raw.entry_id for raw in (*self.fresh, *self.again)]


def key_of(domain: str) -> str:
    """Return the stream's key; the braces keep it in one slot of a cluster with the domain's states."""
    return f"hfw:{{{domain}}}"


class Stream:
    """One domain's stream, seen through a plain client that answers in bytes. Any method may raise RedisError."""

    def __init__(self, redis: Redis, domain: str) -> None:
        self.domain = domain
        self._redis = redis
        self._key = key_of(domain)
        self._failed_key = f"{self._key}:failed"

    def take(self, count: int = BATCH) -> Taken:
        """Take what a dead worker left, what is new, and what is to be tried again; empty when nothing is due."""
        try:
            return self._take(count)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
        self._make_group()
        return self._take(count)

    def settle(self, entry_ids: Sequence[str]) -> None:
        """Take entries off the stream for good."""
        if not entry_ids:
            return
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(self._key, GROUP, *entry_ids)
            pipe.xdel(self._key, *entry_ids)
            pipe.hdel(self._failed_key, *entry_ids)
            pipe.execute()

    def postpone(self, entry_id: str, *, attempts: int, seconds: float) -> None:
        """Note that an entry failed by itself, and is to be tried again after so many seconds."""
        due = _now_ms(self._redis) + int(seconds * 1000)
        self._redis.hset(self._failed_key, entry_id, json.dumps({"attempts": attempts, "due": due}))

    def give_back(self, entry_ids: Sequence[str]) -> None:
        """Let anybody take these at once, as if their worker had died."""
        if entry_ids:
            self._redis.xclaim(self._key, GROUP, CONSUMER, 0, list(entry_ids), idle=IDLE_MS + 1, justid=True)

    def withdraw(self, sessions: set[str]) -> int:
        """Take every entry of these sessions off the stream unwritten, for an erasure; return how many there were.

        What a worker has in its hands already, it may still write.
        """
        withdrawn, start = 0, "-"
        while page := self._range(start, "+", BATCH):
            found = [raw.entry_id for raw in _raws(page) if raw.fields.get("session", "").lower() in sessions]
            self.settle(found)
            withdrawn += len(found)
            start = f"({page[-1][0].decode()}"
        return withdrawn

    def _make_group(self) -> None:
        try:
            # From the beginning: whatever lies there has not been written.
            self._redis.xgroup_create(self._key, GROUP, id="0")
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _take(self, count: int) -> Taken:
        """Ask for everything in one round trip.

        What has failed before is left to its own time, even where its worker has died since.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.hgetall(self._failed_key)
            pipe.xautoclaim(self._key, GROUP, CONSUMER, IDLE_MS, count=count)
            pipe.xreadgroup(GROUP, CONSUMER, {self._key: ">"}, count=count)
            now, failed, abandoned, new = pipe.execute()
        seconds, micros = now
        notes = {entry_id.decode(): _note(text) for entry_id, text in failed.items()}
        entries = _raws(abandoned[1]) + (_raws(new[0][1]) if new else [])
        due = {known for known, note in notes.items() if note["due"] <= seconds * 1000 + micros // 1000}
        held = {raw.entry_id: raw for raw in entries if raw.entry_id in due}
        held |= {raw.entry_id: raw for raw in self._claim(due - held.keys())}
        again = [Raw(known, held[known].fields, notes[known]["attempts"]) for known in sorted(held)]
        return Taken([raw for raw in entries if raw.entry_id not in notes], again)

    def _claim(self, due: set[str]) -> list[Raw]:
        """Take single entries, unless another worker has just done so."""
        if not due:
            return []
        claimed: Any = self._redis.xclaim(self._key, GROUP, CONSUMER, JUST_TAKEN_MS, [*due])
        found = _raws(claimed)
        self._forget_gone(due - {raw.entry_id for raw in found})
        return found

    def _forget_gone(self, entry_ids: Iterable[str]) -> None:
        """Drop the note of what has left the stream; what another worker holds at this moment is still there."""
        for entry_id in entry_ids:
            if not self._range(entry_id, entry_id, 1):
                self._redis.hdel(self._failed_key, entry_id)

    def _range(self, first: str, last: str, count: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
        try:
            found: Any = self._redis.xrange(self._key, min=first, max=last, count=count)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return []  # whatever it is, it is not ours
        return list(found)


def register(redis: Redis, domain: str) -> None:
    """Note that this domain has a stream: workers look at those that were noted."""
    redis.sadd(DOMAINS, domain)


def noted_domains(redis: Redis) -> set[str]:
    """Return the domains that were ever noted."""
    found: Any = redis.smembers(DOMAINS)
    return {name.decode() for name in found}


def with_entries(redis: Redis, domains: Iterable[str]) -> list[str]:
    """Return which of these domains, and of those that were ever noted, have something on their streams."""
    names = sorted({*domains, *noted_domains(redis)})
    if not names:
        return []
    with redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.xlen(key_of(name))
        lengths = pipe.execute(raise_on_error=False)
    return [name for name, length in zip(names, lengths, strict=True) if isinstance(length, int) and length]


def _raws(entries: Iterable[tuple[Any, Any]]) -> list[Raw]:
    """Return entries as text. Bytes that are no text are spelled out: they will be refused, and must be shown."""
    return [
        Raw(entry_id.decode(), {_text(name): _text(value) for name, value in fields.items()})
        for entry_id, fields in entries
        if fields is not None
    ]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _note(text: bytes) -> dict[str, int]:
    """Return attempts and the time they are due; a note that cannot be read begins anew."""
    try:
        note = json.loads(text)
        return {"attempts": int(note["attempts"]), "due": int(note["due"])}
    except (ValueError, TypeError, KeyError):
        return {"attempts": 0, "due": 0}


def _now_ms(redis: Redis) -> int:
    seconds, micros = redis.time()  # type: ignore[misc]
    return int(seconds) * 1000 + int(micros) // 1000
