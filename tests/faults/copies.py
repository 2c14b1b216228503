"""Every place where a word may rest, read as text: the database's rows, files of any kind, Redis."""

import json
from pathlib import Path
from typing import Any

import redis

from tests.faults.house import House

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
MINE = "SELECT id FROM persistence_conversation WHERE customer_ref = %(ref)s"
CASES = f"SELECT id FROM handoff_case WHERE conversation_id IN ({MINE})"
KEYS = f"""
SELECT public_id::text FROM persistence_conversation WHERE customer_ref = %(ref)s
UNION SELECT case_id::text FROM handoff_case WHERE id IN ({CASES})
"""
EVENTS = f"SELECT event_id FROM outbox_event WHERE ordering_key IN ({KEYS})"
BELONGS = {
    "persistence_conversation": f"id IN ({MINE})",
    "persistence_turn": f"conversation_id IN ({MINE})",
    "persistence_transcript_reading": f"conversation_id IN ({MINE})",
    "persistence_claim_check": f"event_id IN ({EVENTS})",
    "handoff_case": f"id IN ({CASES})",
    "handoff_case_event": f"case_id IN ({CASES})",
    "handoff_case_text": f"case_id IN ({CASES})",
    "handoff_handoff": f"case_id IN ({CASES})",
    "handoff_external_link": f"case_id IN ({CASES})",
    "summarization_summary": f"conversation_id IN ({MINE})",
    "summarization_item": f"conversation_id IN ({MINE})",
    "outbox_event": f"event_id IN ({EVENTS})",
    "outbox_delivery": f"event_id IN ({EVENTS})",
    "outbox_lane": f"ordering_key IN ({KEYS})",
    "outbox_delivery_attempt": f"ordering_key IN ({KEYS})",
}


def rows(house: House) -> dict[str, list[str]]:
    """Return every row of every table as text, by table."""
    return {
        table: [row for (row,) in house.query(f'SELECT t::text FROM "{table}" AS t')]
        for (table,) in house.query(TABLES)
    }


def rows_of(house: House, customer_ref: str) -> dict[str, list[str]]:
    """Return every row that belongs to a customer as text, in order, by table."""
    connection = house.connect()
    found: dict[str, list[str]] = {}
    try:
        with connection.cursor() as cursor:
            for table, where in BELONGS.items():
                cursor.execute(
                    f"SELECT t::text FROM {table} AS t WHERE {where} ORDER BY 1", {"ref": customer_ref}
                )
                found[table] = [row for (row,) in cursor.fetchall()]
    finally:
        connection.close()
    return found


def files(*directories: Path) -> dict[str, bytes]:
    """Return every file below these directories, by path."""
    return {
        str(path): path.read_bytes()
        for directory in directories
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def keys(url: str) -> dict[str, str]:
    """Return every key of every database of a Redis with its value as text."""
    found: dict[str, str] = {}
    for number in range(16):
        with redis.Redis.from_url(url, db=number) as client:
            for key in client.scan_iter(count=1000):
                found[f"{number}:{key!r}"] = repr(value(client, key))
    return found


def value(client: Any, key: bytes) -> Any:
    """Return the value of a key of whatever kind."""
    match client.type(key):
        case b"string":
            return client.get(key)
        case b"list":
            return client.lrange(key, 0, -1)
        case b"hash":
            return client.hgetall(key)
        case b"set":
            return client.smembers(key)
        case b"zset":
            return client.zrange(key, 0, -1, withscores=True)
        case b"stream":
            return client.xrange(key)
    return b""  # it is gone again


def holding(word: str, places: dict[str, Any]) -> set[str]:
    """Return the names of the places where the word rests: as it is, or as hexadecimal digits."""
    shapes = (word, word.encode().hex())
    return {
        name
        for name, content in places.items()
        if any(shape in name or shape in text(content) for shape in shapes)
    }


def text(content: Any) -> str:
    """Return a place's content as text in lower case."""
    if isinstance(content, bytes):
        return content.decode("utf-8", "replace").lower()
    return (content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)).lower()
