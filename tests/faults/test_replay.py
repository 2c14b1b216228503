"""Real conversations, replayed while workers are killed: the copy off-box is whole."""

import contextlib
import json
import os
import random
import signal
from pathlib import Path

import pytest

from config.services import redis
from tests.faults.house import ROOT, House, Stack, eventually
from tests.faults.program import Program
from tests.private_servers import PrivateServer
from tests.services_plugin import scratch

SHARED = ROOT.parent / "shared" / "data" / "dialogues.open.jsonl"
SAMPLE = ROOT / "sample" / "dialogues.jsonl"
STORED = "SELECT count(*) FROM persistence_turn"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def dialogues() -> Path:
    """All of the open dialogues, or in a bare clone the sample."""
    return SHARED if SHARED.exists() else SAMPLE


def test_verify_is_clean_after_a_replay_with_workers_killed_at_random_meanwhile(house):
    broker = PrivateServer(redis, scratch() / "replay-redis")
    broker.start()
    archive = scratch() / "replay-archive"
    try:
        house = house(
            redis_url=broker.url,
            ARCHIVE_URL=f"file://{archive}",
            OUTBOX_RELAY_BUDGET_SECONDS=2,
            FAULTS_LEASE_SECONDS=3,
            FAULTS_MAX_RESCUES=1000,
        )
        replay_under_fire(house, house.stack())
    finally:
        broker.stop()


def replay_under_fire(house: House, stack: Stack) -> None:
    chance, kills = random.Random(5), 0
    target = ("--url", stack.client.url, "--key", stack.client.key)
    replaying = house.start(
        "replay", "manage.py", "replay", str(dialogues()), "--workers", "4", "--json", *target
    )
    while replaying.alive:
        until_stored(house, chance.randint(50, 400), replaying)
        kills += kill_one_of(stack.archive_workers(), chance)
    assert kills >= 2
    told = json.loads(replaying.log.read_text().strip().splitlines()[-1])
    house.drain(200)
    status, found = house.manage("archive", "verify")
    assert status == 0, found
    assert (told["failed"], told["created"]) == (0, house.value(STORED))
    assert (found["turns"], found["objects"], found["pending"]) == (told["created"], told["created"], 0)


def until_stored(house: House, more: int, replaying: Program) -> None:
    """Wait until that many more turns are stored, or there are no more."""
    wanted = house.value(STORED) + more
    eventually(lambda: house.value(STORED) >= wanted or not replaying.alive, "turns are stored", 200)


def kill_one_of(pids: list[int], chance: random.Random) -> int:
    """Kill one process of the archive's worker, its leader or its child; return how many died."""
    with contextlib.suppress(ProcessLookupError, IndexError):
        os.kill(chance.choice(pids), signal.SIGKILL)
        return 1
    return 0  # the supervisor is about to start it again
