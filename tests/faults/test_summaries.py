"""A night in real workers: they are doubled, killed and frozen, and the broker forgets; nobody is summarised twice."""

import subprocess
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.fakes.model import FakeModel
from tests.faults.client import Client
from tests.faults.house import ROOT, House, eventually
from tests.faults.program import Program
from tests.private_servers import PrivateServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CONVERSATIONS = 6
STATES = "SELECT state, count(*)::int FROM summarization_item GROUP BY state ORDER BY state"
RUN = "SELECT state, eligible, summarized, failed, remaining FROM summarization_run"
# An hour in which nothing moved, for runs and claims.
AN_HOUR_LATER = """
UPDATE summarization_run SET started_at = started_at - interval '1 hour', planned_at = planned_at - interval '1 hour';
UPDATE summarization_item SET updated_at = updated_at - interval '1 hour',
    claimed_until = claimed_until - interval '1 hour'
"""


@pytest.fixture
def broker(private_redis) -> PrivateServer:
    return private_redis()


@pytest.fixture
def model() -> Iterator[FakeModel]:
    with FakeModel() as found:
        yield found


@pytest.fixture
def house(house, broker: PrivateServer, model: FakeModel) -> House:
    """Conversations that are due at once, a night that is due at once, and a model; nobody at work."""
    built = house(
        redis_url=broker.url,
        SUMMARY_SILENCE_HOURS=0,
        SUMMARY_TIME="00:00",
        SUMMARY_CHUNK_SIZE=3,
        **model.environment(),
    )
    web = built.web()
    talk(web.ready())
    web.program.stop()
    return built


def talk(client: Client) -> None:
    for number in range(CONVERSATIONS):
        for turn, text in enumerate(
            ("My parcel has not arrived at home.", "When will another one be sent to me?")
        ):
            answer = client.post(
                f"night-{number}", f"night-{number}/{turn}", f"{text} It is number {4700 + number}."
            )
            assert answer.status == 201, answer.body


def worker(house: House, name: str, *, concurrency: int = 1) -> Program:
    return house.start(
        f"worker-{name}",
        *("-m", "celery", "-A", "config", "worker", "--queues", "summaries,maintenance"),
        *(
            "--concurrency",
            str(concurrency),
            "--hostname",
            f"{name}@%h",
            "--without-gossip",
            "--without-mingle",
        ),
    )


def look(house: House) -> None:
    """Have somebody tend the nights, as beat does each minute."""
    command = house.command(
        "-m", "celery", "-A", "config", "call", "summarization.tend", "--queue", "maintenance"
    )
    subprocess.run(command, cwd=ROOT, env=house.environ, check=True, capture_output=True, timeout=60)


def until_finished(house: House) -> None:
    def finished() -> bool:
        return house.query("SELECT state FROM summarization_run") == [("finished",)]

    def comes_to_its_end() -> bool:
        if not finished():
            look(house)
        return finished()

    eventually(comes_to_its_end, "the night is finished", 120)
    assert house.query(RUN) == [("finished", CONVERSATIONS, CONVERSATIONS, 0, 0)]
    assert house.query("SELECT DISTINCT number, fallback_for FROM summarization_summary") == [(1, "")]
    assert house.value("SELECT count(*) FROM summarization_summary") == CONVERSATIONS
    told = "SELECT count(*) FROM outbox_event WHERE event_type = 'conversation.summarized'"
    assert house.value(told) == CONVERSATIONS


def test_a_night_in_two_workers_pays_for_each_conversation_once_and_its_chunks_leave_results(house, model):
    worker(house, "one", concurrency=2)
    worker(house, "two")
    look(house)
    until_finished(house)
    assert (model.asked, model.paid) == (CONVERSATIONS, CONVERSATIONS)
    results = "SELECT count(*)::int FROM celery_taskmeta WHERE status = 'SUCCESS' AND result IS NOT NULL"
    eventually(lambda: house.value(results) == 2, "both chunks have a result")
    group = "SELECT count(*) FROM summarization_run JOIN celery_tasksetmeta ON taskset_id = group_id"
    eventually(lambda: house.value(group) == 1, "the run names its group")


def test_a_worker_killed_in_a_chunk_and_a_broker_that_forgot_leave_nothing_undone(house, model, broker):
    with model.thinking():
        killed = worker(house, "killed")
        look(house)
        model.wait_for(1, 60)
        killed.kill()
    redis = Redis.from_url(broker.url)
    redis.flushall()
    redis.close()
    assert house.query(STATES) == [("pending", CONVERSATIONS - 1), ("working", 1)]
    house.query(AN_HOUR_LATER)
    worker(house, "next")
    until_finished(house)
    assert model.asked == CONVERSATIONS + 1, "only what was in hand when it died is asked again"


def test_a_worker_that_was_frozen_past_its_claim_stores_nothing(house, model):
    with model.thinking():
        frozen = worker(house, "frozen")
        look(house)
        model.wait_for(1, 60)
        frozen.freeze()
    house.query(AN_HOUR_LATER)
    worker(house, "other")
    until_finished(house)
    frozen.resume()
    frozen.stop()
    assert house.query("SELECT DISTINCT number FROM summarization_summary") == [(1,)]
    assert house.query(STATES) == [("done", CONVERSATIONS)]
