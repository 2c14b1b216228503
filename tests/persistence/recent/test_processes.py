"""Several processes write to one conversation, and each comes to the cache when it does: no read is ever stale."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connections

from persistence.history import history
from persistence.recent import cache
from tests.persistence.recent.support import conversation, counted, held_seqs, last, plain
from tests.persistence.replay.support import database_url
from tests.persistence.support import conversation_of, say

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("cached")]
WRITERS, TURNS, READERS = 2, 60, 2
# Between commit and cache lies as long as the scheduler likes, so a turn often comes there before the one before it.
WRITER = """
import sys, random, time
import django
django.setup()
from persistence.recent import cache
from persistence.turns import record_turn
name, turns = sys.argv[1], int(sys.argv[2])
for number in range(turns):
    recorded = record_turn(
        domain="demo", channel="web", session_id="shared", request_id=f"{name} {number}",
        messages=[{"role": "user", "content": f"{name} {number}"}],
    )
    time.sleep(random.choice([0, 0, 0.001, 0.005]))
    cache.append("demo", recorded)
"""
READER = """
import json, sys
from uuid import UUID
import django
django.setup()
from persistence.history import find_conversation, from_postgres, history
from prometheus_client import REGISTRY
conversation_id, turns = UUID(sys.argv[1]), int(sys.argv[2])
reads = wrong = 0
while True:
    found = find_conversation("demo", conversation_id)
    head = history(found, before_seq=found.last_seq + 1, limit=20)
    reads += 1
    wrong += head != from_postgres(found, None, found.last_seq + 1, 20) or head[-1].seq != found.last_seq
    if found.last_seq >= turns:
        break
hits = REGISTRY.get_sample_value("holdfast_history_cache_total", {"outcome": "hit"}) or 0
poisoned = REGISTRY.get_sample_value("holdfast_history_cache_total", {"outcome": "poisoned"}) or 0
print(json.dumps({"reads": reads, "wrong": wrong, "hits": hits, "poisoned": poisoned}))
"""


def start(program, *arguments):
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "HOT_REDIS_URL": settings.HOT_REDIS_URL,
        "HISTORY_CACHE": "redis",
        "HOT_REDIS_BUDGET_MS": "1000",
    }
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(running):
    told, errors = running.communicate(timeout=100)
    assert running.returncode == 0, errors
    return told


def test_no_read_is_stale_while_processes_write_and_their_turns_come_to_the_cache_in_any_order():
    found = conversation_of(say("first", session_id="shared"))
    expected = 1 + WRITERS * TURNS
    readers = [start(READER, found.conversation_id, expected) for _ in range(READERS)]
    writers = [start(WRITER, f"writer {number}", TURNS) for number in range(WRITERS)]
    for writer in writers:
        end(writer)
    told = [json.loads(end(reader)) for reader in readers]
    assert [one["wrong"] for one in told] == [0] * READERS
    assert [one["poisoned"] for one in told] == [0] * READERS
    assert sum(one["hits"] for one in told) > 0
    found = conversation_of(found)
    assert found.last_seq == expected
    assert last(found) == plain(found, before_seq=expected + 1, limit=20)


def test_a_turn_that_comes_to_the_cache_before_the_one_before_it_waits_for_no_one():
    first, second, third = say("1"), say("2"), say("3")
    for recorded in (second, first, third, second):
        cache.append("demo", recorded)
    found = conversation_of(third)
    assert held_seqs(found) == [1, 2]
    with counted() as counts:
        assert [turn.seq for turn in last(found)] == [1, 2, 3]
    assert counts == {"miss": 1}
    assert held_seqs(found) == [1, 2, 3]


def test_readers_and_writers_that_fill_at_once_leave_one_list_without_a_gap():
    found = conversation(10)
    late = [say(str(number)) for number in range(10)]
    newest = conversation_of(late[-1])

    def work(number):
        try:
            if number % 3 == 0:
                cache.append("demo", late[number % 10])
            else:
                known = found if number % 3 == 1 else newest
                assert history(known, before_seq=known.last_seq + 1) == plain(
                    known, before_seq=known.last_seq + 1
                )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(60)))
    seqs = held_seqs(newest)
    assert seqs == list(range(1, 21))
