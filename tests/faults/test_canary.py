"""I10: what nobody may read does not turn up anywhere outside the one place where a client said it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.faults.client import Answer, Client
from tests.faults.house import House, eventually

CARD = "4111 1111 1111 1111"
SPELLINGS = (CARD, CARD.replace(" ", ""), CARD.replace(" ", "-"))
EMAIL = "canary.bird@coal-mine.example"
SESSION = "raw-session-6f1d2c-canary"
SECRETS = (*SPELLINGS, EMAIL, SESSION)
TEXT = f"Pay with {CARD}, or {SPELLINGS[1]}, or {SPELLINGS[2]}; write to {EMAIL}."

TABLES = """
SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def post(client: Client, body: object) -> Answer:
    return client.request(
        "POST", "/api/v1/turns", body if isinstance(body, bytes) else json.dumps(body).encode()
    )


def turn(request_id: str, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": TEXT}, {"role": "assistant", "content": f"Noted: {TEXT}"}]
    return {"channel": "web", "session_id": SESSION, "request_id": request_id, "messages": messages} | more


def bad_requests() -> Iterator[object]:
    """Requests that are refused, each with the canaries where they hurt."""
    yield turn("stale", expected_seq=99)
    yield turn("epoch", control_epoch=99)
    yield turn("one", messages=[{"role": "user", "content": f"other {TEXT}"}])
    yield turn("nul", messages=[{"role": "user", "content": f"{TEXT}\x00"}])
    yield turn("role", messages=[{"role": TEXT, "content": TEXT}])
    yield turn("type", messages=[{"role": "user", "content": [TEXT]}])
    yield turn("extra", unknown=TEXT)
    yield turn("number", confidence=TEXT)
    yield turn("channel", channel=TEXT)
    yield turn("deep", metadata={"a": [[[[TEXT]]]], "b": float("nan")})
    yield turn("long", messages=[{"role": "user", "content": TEXT * 2000}])
    yield turn("session", session_id=SESSION + "x" * 600)
    yield turn("handoff", handoff={"reason": TEXT, "queue": TEXT})
    yield [turn("list")]
    yield TEXT.encode() + SESSION.encode()
    yield json.dumps(turn("cut"))[:-20].encode()
    yield ('{"session_id": "' + SESSION + '", "session_id": "' + EMAIL + '"}').encode()


def test_card_numbers_addresses_and_session_ids_appear_nowhere(house, private_redis, ground):
    redis = private_redis()
    house = house(
        redis_url=redis.url,
        LOG_LEVEL="DEBUG",
        ACCESS_LOG="1",
        LOCK_TIMEOUT_MS=200,
        OUTBOX_RELAY_BUDGET_SECONDS=2,
    )
    stack = house.stack()
    client = stack.client
    answers = [
        post(client, turn("one")),
        post(client, turn("one")),
        post(client, turn("two", metadata={"note": TEXT})),
        post(client, turn("human", handoff={"reason": TEXT})),
    ]
    assert [answer.status for answer in answers] == [201, 200, 201, 201]
    refused = [post(client, body) for body in bad_requests()]
    assert {answer.status for answer in refused} <= {409, 413, 422, 503}, [
        answer.status for answer in refused
    ]

    answers += refused + trouble(house, client)
    house.drain(100)
    store_trouble(house, client)

    places = {f"answer {number}": answer.body for number, answer in enumerate(answers)}
    places |= {"metrics": client.request("GET", "/metrics").body}
    places |= {f"header {number}": str(answer.headers).encode() for number, answer in enumerate(answers)}
    places |= {f"redis {key!r}": value for key, value in everything_in(redis.url).items()}
    places |= {str(path): path.read_bytes() for path in written(house.directory, ground.log)}
    places |= {f"object {key}": body for key, body in house.s3.objects().items()}
    places |= {f"row {number}": text for number, text in enumerate(rows(house))}
    assert not {
        place: secret for place, text in places.items() for secret in SECRETS if secret.encode() in text
    }


def trouble(house: House, client: Client) -> list[Answer]:
    """Postgres fails in the middle of turns: statements that fail are what servers like to log."""
    holder = house.connect()
    try:
        with holder.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE persistence_turn")
            locked = post(client, turn("locked"))
    finally:
        holder.close()
    house.query("ALTER TABLE persistence_turn ADD CONSTRAINT never CHECK (request_id <> 'never')")
    broken = post(client, turn("never"))
    house.query("ALTER TABLE persistence_turn DROP CONSTRAINT never")
    assert (locked.status, broken.status) == (503, 500), "the second is what a defect of ours would look like"
    return [locked, broken]


def store_trouble(house: House, client: Client) -> None:
    """The store refuses a turn that held the canaries, and the relay says so."""
    house.s3.fail("status", status=403, methods=["PUT"], times=2)
    assert post(client, turn("three")).status == 201
    eventually(lambda: house.counted("error:forbidden"), "the refusal is counted", 100)
    house.drain(100)


def everything_in(url: str) -> dict[str, bytes]:
    """Return every key of Redis with its value, as bytes that can be searched."""
    redis = Redis.from_url(url)
    try:
        return {repr(key): redis.dump(key) or b"" for key in redis.keys("*")}
    finally:
        redis.close()


def written(directory: Path, postgres_log: Path) -> list[Path]:
    """Return every log, and what Redis wrote to its disk while all of this happened."""
    on_redis_disk = [path for path in directory.parent.glob("private-*/**/*") if path.is_file()]
    found = [path for path in directory.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in found)
    assert any("appendonly" in path.name for path in on_redis_disk)
    return [postgres_log, *found, *on_redis_disk]


def rows(house: House) -> list[bytes]:
    """Return every row of every table as text."""
    tables = house.query(TABLES)
    return [
        str(row).encode() for (table,) in tables for row in house.query(f"SELECT t::text FROM {table} AS t")
    ]


def test_the_search_would_find_what_it_looks_for(private_redis, house):
    """Without this, the test above could pass by looking in the wrong places."""
    server = private_redis()
    redis = Redis.from_url(server.url)
    redis.lpush("archive", EMAIL)
    redis.close()
    assert any(EMAIL.encode() in value for value in everything_in(server.url).values())
    house = house()
    house.query("INSERT INTO outbox_counter (destination, name, value) VALUES (%s, 'x', 1)", SESSION)
    assert any(SESSION.encode() in text for text in rows(house))
