"""``manage.py summarize``: tonight's work by hand, with figures that add up and an exit status that says so."""

import io
import json
import math
import threading
from contextlib import nullcontext, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection, transaction

from outbox.models import OutboxEvent
from persistence.database import database_now
from persistence.models import Conversation
from summarization.asked import summarize_asked, summarize_now
from summarization.claims import take_one
from summarization.models import ConversationSummary, SummaryItem, SummaryRun
from summarization.night import byhand, chunk
from summarization.night.chunk import Worked
from tests.summarization.night.support import later, night
from tests.summarization.support import conversation, item, say

pytestmark = pytest.mark.django_db(transaction=True)


def summarize(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command a day later; return its exit status and its object."""
    out, status = io.StringIO(), 0
    try:
        call_command("summarize", "--json", *_aged(arguments), stdout=out, stderr=io.StringIO())
    except SystemExit as error:
        status = int(error.code or 0)
    return status, json.loads(out.getvalue().splitlines()[-1])


def shown(*arguments: str) -> str:
    out = io.StringIO()
    with suppress(SystemExit):
        call_command("summarize", *_aged(arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def _aged(arguments: tuple[str, ...]) -> tuple[str, ...]:
    return arguments if "--now" in arguments else (*arguments, "--now", later().isoformat())


def public_id(pk: int) -> str:
    return str(Conversation.objects.get(pk=pk).public_id)


def test_it_summarises_what_is_due_and_the_figures_add_up():
    for _ in range(3):
        conversation()
    conversation(("hello", "hi"))
    status, found = summarize()
    assert status == 0
    figures = {name: found[name] for name in ("eligible", "summarized", "skipped", "failed", "remaining")}
    assert figures == {"eligible": 3, "summarized": 3, "skipped": 1, "failed": 0, "remaining": 0}
    assert found["reasons"] == {"too_short": 1}
    assert (found["tokens_in"], found["tokens_out"], found["cost_usd"]) == (0, 0, 0)
    assert SummaryRun.objects.get(run_id=found["run_id"]).state == "finished"
    assert ConversationSummary.objects.count() == 3
    assert summarize()[1]["eligible"] == 0, "a second call finds nothing to do"


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(settings, model_server):
    model_server.configure(settings, SUMMARY_USD_PER_MILLION_IN=1000, SUMMARY_USD_PER_MILLION_OUT=2000)
    conversation()
    conversation(("hello", "hi"))
    before = _everything()
    status, found = summarize("--dry-run")
    assert (status, found["dry_run"], found["eligible"], found["skipped"]) == (0, True, 1, 1)
    assert found["tokens_in"] > 0
    assert found["tokens_out"] > 0
    assert found["cost_usd"] > 0
    assert _everything() == before
    assert model_server.asked == 0


def _everything() -> list[int]:
    tables = (SummaryRun, SummaryItem, ConversationSummary, OutboxEvent)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NULL")
        assert cursor.fetchone() == (True,)
    return [table.objects.count() for table in tables]


def test_a_dry_run_finds_what_the_run_then_does(settings, model_server):
    """What says the same as before, and what an agent asked for and the model failed at, too."""
    model_server.configure(settings)
    conversation(session_id="same")
    summarize()
    say(" ", session_id="same")
    model_server.always("not_json")
    summarize_now(conversation(), by="test")
    summarize_asked(math.inf)
    model_server.always("good")
    would, did = summarize("--dry-run")[1], summarize()[1]
    assert (would["eligible"], would["skipped"], would["reasons"]) == (1, 1, {"unchanged": 1})
    assert (did["eligible"], did["skipped"], did["reasons"]) == (1, 1, {"unchanged": 1})


def test_a_dry_run_estimates_no_less_than_the_run_then_takes(settings, model_server):
    model_server.configure(settings, SUMMARY_USD_PER_MILLION_IN=1, SUMMARY_USD_PER_MILLION_OUT=2)
    conversation()
    guessed, took = summarize("--dry-run")[1], summarize()[1]
    assert took["summarized"] == 1
    assert 0 < took["cost_usd"] <= guessed["cost_usd"]


def test_a_failure_is_counted_named_and_makes_exit_status_1(settings, model_server):
    model_server.configure(settings)
    model_server.always("not_json")
    pk = conversation()
    status, found = summarize()
    assert (status, found["eligible"], found["failed"], found["fell_back"]) == (1, 1, 1, 1)
    assert found["reasons"] == {item(pk).reason: 1}


def test_what_a_budget_leaves_makes_exit_status_1(settings, model_server):
    model_server.configure(settings)
    conversation()
    room_for_one = summarize("--dry-run")[1]
    settings.SUMMARY_BUDGET_TOKENS = room_for_one["tokens_in"] + room_for_one["tokens_out"]
    for _ in range(2):
        conversation()
    status, found = summarize()
    assert (status, found["remaining"], found["stopped_because"]) == (1, 2, "budget_tokens")
    assert "leaves no room for another conversation. The next night takes up the rest" in shown()


def test_one_conversation_is_summarised_however_short_its_silence():
    pk = conversation()
    other = conversation()
    status, found = summarize("--conversation", public_id(pk), "--now", database_now().isoformat())
    assert (status, found["summarized"]) == (0, 1)
    assert not ConversationSummary.objects.filter(conversation=other).exists()


def test_one_conversation_that_has_nothing_new_is_left_as_it_is():
    pk = conversation()
    summarize()
    assert summarize("--conversation", public_id(pk))[1]["eligible"] == 0
    assert "Nothing to do" in shown("--conversation", public_id(pk))


def test_one_conversation_in_other_hands_is_left_to_them():
    pk = conversation()
    take_one(pk, 60)
    status, found = summarize("--conversation", public_id(pk))
    assert (status, found["eligible"], found["busy"]) == (0, 0, True)
    assert "in hand" in shown("--dry-run", "--conversation", public_id(pk))


def test_a_limit_a_domain_and_a_time_narrow_it():
    for _ in range(3):
        conversation()
    conversation(domain="other")
    assert summarize("--limit", "2", "--domain", "demo")[1]["summarized"] == 2
    assert summarize("--domain", "other")[1]["summarized"] == 1
    behind = (database_now() + timedelta(hours=1)).isoformat()
    assert summarize("--since", behind)[1]["eligible"] == 0
    assert summarize()[1]["summarized"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--conversation", "no-id"),
        ("--conversation", ""),
        ("--conversation", "0197b5e1-0000-7000-8000-000000000000"),
        ("--domain", "nobody"),
        ("--domain", ""),
        ("--limit", "0"),
        ("--since", "2999-01-01T00:00:00Z"),
        ("--since", "0001-01-01T00:00:00+12:00"),
        ("--now", "0001-01-01T00:00:00Z"),
        ("--now", "9999-12-31T23:59:59-12:00"),
        ("--conversation", "0197b5e1-0000-7000-8000-000000000000", "--limit", "3"),
    ],
)
def test_misuse_does_nothing_and_is_exit_status_2(arguments):
    conversation()
    with pytest.raises(CommandError) as raised:
        summarize(*arguments)
    assert raised.value.returncode == 2
    assert not SummaryRun.objects.exists()


def test_a_time_without_a_zone_is_misuse():
    with pytest.raises(CommandError):
        call_command("summarize", "--now", "yesterday")


def test_it_runs_beside_a_night_and_takes_nothing_from_it():
    pk = conversation()
    tonight = night()
    assert summarize()[1]["eligible"] == 0
    assert item(pk).run_id == tonight.pk


def test_an_interruption_gives_everything_back(settings, model_server):
    model_server.configure(settings)
    pks = [conversation() for _ in range(3)]
    ended: list[int] = []

    class Bar:
        def __enter__(self):
            return self.advance

        def __exit__(self, *_: object) -> None:
            pass

        def advance(self, count: int) -> None:
            ended.append(count)
            raise KeyboardInterrupt

    found = byhand.summarize(byhand.Selection(), later(), lambda total: Bar())
    assert (found.stopped_because, found.summarized, found.remaining) == ("interrupted", 1, 2)
    assert sorted(SummaryItem.objects.values_list("state", flat=True)) == ["done", "pending", "pending"]
    assert ended == [1]
    assert summarize()[1]["summarized"] == len(pks) - 1


def test_two_commands_at_once_share_the_work_and_do_nothing_twice(settings, model_server):
    model_server.configure(settings)
    for _ in range(6):
        conversation()
    found: list[byhand.Figures] = []

    def run() -> None:
        try:
            found.append(
                byhand.summarize(byhand.Selection(), later(), lambda total: nullcontext(lambda count: None))
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.summarized for one in found) == 6
    assert model_server.paid == 6


def test_what_another_planner_holds_for_a_moment_is_not_left_behind(monkeypatch):
    """It locks the items that it finds in other hands, until its page is written."""
    pks = [conversation() for _ in range(3)]
    held, tried = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                list(SummaryItem.objects.select_for_update())
                held.set()
                tried.wait(20)
        finally:
            connection.close()

    def work(*given: Any, **more: Any) -> Worked:
        if not held.is_set():
            other.start()
            held.wait(20)
        worked = chunk.work(*given, **more)
        tried.set()
        return worked

    other = threading.Thread(target=hold)
    monkeypatch.setattr(byhand, "work", work)
    status, found = summarize()
    other.join()
    assert (status, found["eligible"], found["summarized"], found["remaining"]) == (0, len(pks), len(pks), 0)
    assert SummaryRun.objects.get().state == "finished"


def test_people_get_a_table_and_what_to_do():
    conversation()
    conversation(("hello", "hi"))
    said = shown()
    assert "fewer than two exchanges" in said
    assert "summarised" in said


def test_when_postgres_goes_away_it_says_what_is_kept_and_leaves_the_rest(monkeypatch):
    conversation()

    def away(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(byhand, "work", away)
    with pytest.raises(CommandError, match="What was summarised is kept"):
        summarize()
    assert SummaryRun.objects.get().stopped_because == "interrupted"
