"""The store off-box refuses, hangs and lies."""

import itertools
from collections.abc import Iterator

import pytest

from tests.faults.client import Client
from tests.faults.house import House, eventually

BREAKER = "SELECT failures, last_error_code FROM outbox_destination_state WHERE destination = 'archive'"
ATTEMPTS = """
SELECT coalesce(max(attempts), 0) FROM outbox_delivery JOIN outbox_event USING (event_id) WHERE ordering_key = %s
"""
# The breaker's longest rest is 15 s, with jitter 18 s; the rest is for a slow machine.
RECOVERY_SECONDS = 18.0 + 30.0

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def archiving(lasting_house) -> Iterator[tuple[House, Client]]:
    """A web server and a relay in front of a store that each test disturbs and heals."""
    house = lasting_house(ARCHIVE_CALL_DEADLINE_SECONDS=1)
    client = house.web().ready()
    house.relay()
    yield house, client


@pytest.fixture
def house(archiving: tuple[House, Client]) -> Iterator[House]:
    house = archiving[0]
    house.drain()
    yield house
    house.s3.heal()


@pytest.fixture
def client(archiving: tuple[House, Client]) -> Client:
    return archiving[1]


def session() -> str:
    return f"session-{next(_numbers)}"


def wait_for_outage(house: House, code: str) -> None:
    """Wait until the breaker has opened twice for this reason."""

    def is_open() -> bool:
        found = house.query(BREAKER)
        return bool(found) and found[0][0] >= 2 and found[0][1] == code

    eventually(is_open, f"the breaker opens for {code}")


def errors(client: Client, code: str) -> float:
    """Return what the metrics say about this error."""
    text = client.request("GET", "/metrics").body.decode()
    label = f'holdfast_outbox_errors_total{{code="{code}",destination="archive"}} '
    return sum(float(line.removeprefix(label)) for line in text.splitlines() if line.startswith(label))


OUTAGES = {
    "resets": ({"kind": "refuse"}, "connection_lost"),
    "overloaded": ({"kind": "status", "status": 503}, "throttled"),
    "broken": ({"kind": "status", "status": 500}, "server_error"),
    "forbidden": ({"kind": "status", "status": 403}, "forbidden"),
    "black hole": ({"kind": "black_hole"}, "timeout"),
    "drip": ({"kind": "drip", "seconds": 0.2}, "timeout"),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_of_the_store_stops_no_turn_costs_no_attempt_and_ends_by_itself(house, client, outage):
    fault, code = OUTAGES[outage]
    before = errors(client, code)
    house.s3.fail(**fault, methods=["PUT"])
    one, another = session(), session()
    client.converse(one, 2)
    wait_for_outage(house, code)
    assert client.post(another, f"{another}/1").status == 201, "a turn never waits for the store"
    assert errors(client, code) > before
    assert house.value(ATTEMPTS, conversation(house, one)) == 0

    house.s3.heal()
    house.drain(RECOVERY_SECONDS)
    house.check()


def test_a_store_that_is_not_there_is_found_again_when_it_is_back(house, client):
    house.s3.stop()
    try:
        one = session()
        client.converse(one, 3)
        wait_for_outage(house, "unreachable")
    finally:
        house.s3.start()
    house.drain(RECOVERY_SECONDS)
    assert house.value(ATTEMPTS, conversation(house, one)) == 1
    house.check()


def test_while_the_breaker_is_open_the_store_is_left_alone(house, client):
    house.s3.fail("status", status=503, methods=["PUT"])
    asked = len(house.s3.requests("PUT"))
    for _ in range(20):
        client.converse(session(), 1)
    wait_for_outage(house, "throttled")
    # Four lanes may be on their way when the first answer comes; after that one lane probes at a time.
    failures = house.query(BREAKER)[0][0]
    assert len(house.s3.requests("PUT")) - asked <= 4 * failures
    house.s3.heal()
    house.drain(RECOVERY_SECONDS)
    house.check()


def test_a_lost_answer_is_not_taken_for_a_strangers_object(house, client):
    """The store has the object and says nothing; the second put is answered 412, and the copies are compared."""
    before = errors(client, "digest_mismatch")
    house.s3.fail("lose_answer", methods=["PUT"], times=1)
    client.converse(session(), 3)
    house.drain(RECOVERY_SECONDS)
    assert errors(client, "digest_mismatch") == before
    house.check()


def test_other_content_under_a_key_alarms_at_once_and_blocks_only_its_own_conversation(house, client):
    """The store damages what it stores, and says so in the checksum that it answers with."""
    harmed, innocent = session(), session()
    client.converse(harmed, 1)
    house.drain()
    before = errors(client, "digest_mismatch")
    key = f"{conversation(house, harmed)}.0000000002"
    house.s3.fail("corrupt", methods=["PUT"], honest=True, key_contains=key, times=1)
    client.post(harmed, f"{harmed}/2")
    client.post(harmed, f"{harmed}/3")
    eventually(lambda: errors(client, "digest_mismatch") > before, "the metrics name the mismatch")

    client.converse(innocent, 3)
    eventually(lambda: statuses(house, innocent) == ["delivered"] * 3, "the others go on")
    assert statuses(house, harmed) == ["delivered", "pending", "pending"]
    status, found = house.manage("archive", "verify")
    assert (status, [name[-15:-5] for name in found["altered"]]) == (1, ["0000000002"])

    # A person has looked, kept the damaged object elsewhere, and removed it; nothing else needs to be done.
    (damaged,) = found["altered"]
    house.s3.control({"do": "delete", "bucket": house.s3.bucket, "key": damaged})
    house.drain(RECOVERY_SECONDS)
    assert house.manage("archive", "verify")[0] == 0


def test_damage_that_the_store_hides_is_found_by_verify_and_put_right_by_repair(house, client):
    one = session()
    house.s3.fail("corrupt", methods=["PUT"], times=1)
    client.converse(one, 2)
    house.drain()
    status, found = house.manage("archive", "verify")
    assert (status, found["missing"], len(found["altered"])) == (1, [], 1)
    assert conversation(house, one) in found["altered"][0]

    assert house.manage("archive", "repair")[0] == 1, "nothing is ever overwritten"
    house.s3.control({"do": "delete", "bucket": house.s3.bucket, "key": found["altered"][0]})
    status, repaired = house.manage("archive", "repair")
    assert (status, repaired["put_back"]) == (0, found["altered"])
    assert house.manage("archive", "verify")[0] == 0


def conversation(house: House, session_id: str) -> str:
    return next(told.conversation_id for told in house.history.acknowledged if told.session_id == session_id)


def statuses(house: House, session_id: str) -> list[str]:
    found = house.query(
        "SELECT status FROM outbox_delivery JOIN outbox_event USING (event_id) WHERE ordering_key = %s ORDER BY seq",
        conversation(house, session_id),
    )
    return [status for (status,) in found]
