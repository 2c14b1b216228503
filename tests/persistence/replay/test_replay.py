"""Sending conversations: in order, each once, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from persistence import apikeys
from persistence.models import Turn
from persistence.replay.answers import Acknowledged, Answer, Denied, Refused, Sender, Unavailable
from persistence.replay.dialogues import Dialogue, Exchange, Unreadable, exchanges
from persistence.replay.http import HttpSender
from persistence.replay.in_process import InProcessSender
from persistence.replay.pace import CATCH_UP_SECONDS, Pace
from persistence.replay.reader import read
from persistence.replay.run import Plan, replay
from tests.persistence.replay.support import (
    database_url,
    dialogue,
    expected,
    in_process,
    into,
    jsonl,
    stored,
)

SAMPLE = Path(settings.BASE_DIR) / "sample" / "dialogues.jsonl"
stores = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["http", "in process"])
def sender(request: pytest.FixtureRequest) -> Callable[[], Sender]:
    """Both ways in; HTTP is a real server in a thread."""
    if request.param == "in process":
        return in_process
    server = request.getfixturevalue("live_server")
    key = apikeys.create_key("demo").key
    return lambda: HttpSender(server.url, key)


@stores
def test_every_exchange_becomes_a_turn_in_its_place(sender: Callable[[], Sender]) -> None:
    talks = [dialogue(str(number), exchanges=number) for number in range(1, 8)]

    summary = into(sender, *talks)

    assert stored() == expected(*talks)
    assert (summary.turns, summary.created, summary.replayed, summary.failed) == (28, 28, 0, 0)


@stores
def test_the_same_replay_again_adds_nothing(sender: Callable[[], Sender]) -> None:
    talks = [dialogue("a"), dialogue("b")]
    into(sender, *talks)

    summary = into(sender, *talks)

    assert stored() == expected(*talks)
    assert (summary.turns, summary.created, summary.replayed, summary.failed) == (6, 0, 6, 0)


@stores
def test_the_whole_sample_goes_through_and_again_adds_nothing() -> None:
    turns = sum(len(exchanges(found)) for found in read([SAMPLE]) if isinstance(found, Dialogue))

    first, second = (replay(lambda: read([SAMPLE]), in_process, Plan(workers=4)) for _ in range(2))

    assert (first.created, first.failed) == (turns, 0)
    assert (second.created, second.replayed, second.failed) == (0, turns, 0)
    assert len(stored()) == Turn.objects.count() == turns


@stores
def test_each_repetition_and_each_run_makes_conversations_of_its_own() -> None:
    into(in_process, dialogue("a"), repeat=2)
    into(in_process, dialogue("a"), run="other")

    assert stored() == expected(dialogue("a"), repeat=2) | expected(dialogue("a"), run="other")


@stores
def test_what_cannot_be_stored_is_named_and_the_conversation_goes_on(sender: Callable[[], Sender]) -> None:
    talk = dialogue("a", exchanges=3)
    talk.messages[2]["content"] = "x" * (64 * 1024 + 1)
    other = dialogue("b")
    other.messages[0]["content"] = "half \ud83d"

    summary = into(sender, talk, other)

    assert (summary.created, summary.failed) == (4, 2)
    reasons = {failure.where: failure.reason for failure in summary.failures}
    assert "messages[0].content: is larger than 64 KiB" in reasons["file:a exchange 2"]
    assert "messages[0].content: holds half of a surrogate pair" in reasons["file:b exchange 1"]
    assert len(stored()) == 4


@stores
def test_a_conflict_ends_its_conversation_and_no_other(sender: Callable[[], Sender]) -> None:
    into(sender, dialogue("a", exchanges=2))
    another = dialogue(
        "a",
        messages=[{"role": "user", "content": "quite another talk"}]
        + [{"role": role, "content": "more"} for _ in range(3) for role in ("assistant", "user")],
    )

    summary = into(sender, another, dialogue("b"))

    assert stored() == expected(dialogue("a", exchanges=2), dialogue("b"))
    assert (summary.created, summary.failed) == (3, 4)
    assert sorted(failure.count for failure in summary.failures) == [1, 3]


@stores
def test_a_replay_killed_in_the_middle_is_completed_by_the_next(tmp_path: Path) -> None:
    talks = [dialogue(f"talk-{number}", exchanges=5) for number in range(12)]
    file = jsonl(tmp_path / "talks.jsonl", talks)
    command = [sys.executable, "manage.py", "replay", str(file), "--in-process", "--json", "--workers", "3"]
    environ = os.environ | {"DATABASE_URL": database_url()}

    first = subprocess.Popen(
        [*command, "--rate", "40"], cwd=settings.BASE_DIR, env=environ, stderr=subprocess.DEVNULL
    )
    while Turn.objects.count() < 10:
        assert first.poll() is None
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    before = Turn.objects.count()
    second = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environ, capture_output=True, text=True, check=True
    )

    assert 10 <= before < 60
    assert stored() == expected(*talks)
    told = json.loads(second.stdout.splitlines()[-1])
    assert (told["created"], told["replayed"], told["failed"]) == (60 - before, before, 0)


class Shaky:
    """A sender that fails on its way: each exchange gets these answers first, and is then really recorded."""

    def __init__(self, *answers: Answer, only: str = "") -> None:
        self._answers, self._only, self._lock = answers, only, Lock()
        self.sent: list[str] = []

    def __call__(self) -> Sender:
        shaky = self

        class Sends(InProcessSender):
            def send(self, exchange: Exchange) -> Answer:
                with shaky._lock:
                    shaky.sent.append(exchange.request_id)
                    attempt = shaky.sent.count(exchange.request_id)
                if shaky._only in exchange.request_id and attempt <= len(shaky._answers):
                    return shaky._answers[attempt - 1]
                return super().send(exchange)

        return Sends("demo")


@stores
def test_what_nobody_took_is_sent_again_unchanged_before_anything_that_follows() -> None:
    shaky = Shaky(Unavailable("away"), Unavailable("still away", retry_after=0.01))

    summary = into(shaky, dialogue("a"))

    assert stored() == expected(dialogue("a"))
    assert shaky.sent == [f"replay::1:a:{number}" for number in (1, 2, 3) for _ in range(3)]
    assert (summary.created, summary.failed, summary.retries) == (3, 0, 6)


@stores
def test_when_patience_ends_the_run_ends_and_the_next_one_completes_it() -> None:
    shaky = Shaky(*[Unavailable("away")] * 1000, only=":a:2")
    talks = [dialogue("a"), dialogue("b"), dialogue("c")]

    cut = into(shaky, *talks, workers=1, patience=0.2)

    assert (cut.created, cut.failed) == (1, 8)
    assert cut.failures[0].reason == "away"
    assert stored() == expected(dialogue("a", exchanges=1))
    assert into(in_process, *talks).failed == 0
    assert stored() == expected(*talks)


@stores
def test_a_wrong_key_ends_the_run_at_once() -> None:
    shaky = Shaky(Denied("wrong key"))

    summary = into(shaky, *(dialogue(str(number)) for number in range(50)), workers=1)

    assert shaky.sent == ["replay::1:0:1"]
    assert (summary.turns, summary.failed) == (0, 150)


@stores
def test_a_refusal_that_is_final_keeps_the_rest_of_the_conversation_back() -> None:
    summary = into(Shaky(Refused("conflict", final=True), only=":a:2"), dialogue("a"), dialogue("b"))

    assert stored() == expected(dialogue("a", exchanges=1), dialogue("b"))
    assert [(failure.reason, failure.count) for failure in summary.failures] == [
        ("conflict", 1),
        ("not sent, because an earlier exchange was refused", 1),
    ]


@stores
def test_an_unreadable_part_is_counted_once_however_often_the_file_is_repeated() -> None:
    summary = replay(
        lambda: [Unreadable("file:1", "nonsense"), dialogue("a")], in_process, Plan(workers=2, repeat=3)
    )

    assert (summary.created, summary.failed) == (9, 1)
    assert [failure.where for failure in summary.failures] == ["file:1"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt, also where a shell started the tests in the background and had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@stores
def test_an_interrupted_replay_says_so_and_leaves_the_rest_for_the_next(interruptible: None) -> None:
    talks = [dialogue(str(number)) for number in range(20)]
    done = []

    def interrupt_after_five() -> None:
        done.append(1)
        if len(done) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    cut = replay(lambda: talks, in_process, Plan(workers=2, rate=200), on_exchange=interrupt_after_five)

    assert cut.interrupted
    assert 5 <= cut.created < 60
    assert cut.created + cut.failed == len(done) == 60
    assert into(in_process, *talks).created == 60 - cut.created
    assert stored() == expected(*talks)


def test_a_defect_in_a_worker_comes_out_and_ends_the_others() -> None:
    class Broken:
        def send(self, exchange: Exchange) -> Answer:
            if exchange.request_id.endswith(":0:1"):
                raise ZeroDivisionError
            return Acknowledged(replayed=False)

        def close(self) -> None:
            pass

    def endless() -> Iterator[Dialogue]:
        for number in range(1_000_000_000):
            yield dialogue(str(number), exchanges=1)
            if number > 100_000:
                raise AssertionError("the others went on")

    with pytest.raises(ZeroDivisionError):
        replay(endless, Broken, Plan(workers=3, rate=2000))


@given(st.integers(1, 1000), st.lists(st.floats(0, 0.5), min_size=2, max_size=40))
def test_starts_are_never_closer_together_than_the_rate_but_for_a_little_catching_up(
    rate: int, gaps: list[float]
) -> None:
    pace, now, starts = Pace(rate), 1000.0, []
    for gap in gaps:
        now += gap
        starts.append(now + pace.pause(now))

    for count, start in enumerate(starts[1:], start=1):
        assert start - starts[0] >= count / rate - CATCH_UP_SECONDS - 1e-6
    assert starts == sorted(starts)


def test_without_a_rate_nobody_waits() -> None:
    assert Pace(None).pause(12.0) == 0
