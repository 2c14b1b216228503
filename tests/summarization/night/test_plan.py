"""Who is planned: by silence, by watermark, by domain; and that planning can be doubled, killed and resumed."""

import threading
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from persistence.database import database_now
from persistence.models import Conversation, Turn
from persistence.subject.erase import erase
from persistence.subject.find import subject_of_conversation
from summarization.claims import take_one
from summarization.models import ConversationSummary, DomainPolicy, SummaryItem, SummaryRun
from summarization.night import candidates
from summarization.night import plan as plan_module
from summarization.night.candidates import DUE, SAID, Selection
from summarization.night.plan import plan, preview
from summarization.night.run import begin_command, begin_night, draft_of_run, stop
from summarization.night.window import first_id
from tests.summarization.night.support import done, items, later, night, planned
from tests.summarization.support import conversation, item, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_conversation_is_due_after_its_silence_and_not_before(settings):
    settings.SUMMARY_SILENCE_HOURS = 24
    pk = conversation()
    assert items(planned(now=later(23.9))) == {}
    assert items(planned(now=later(24.1))) == {pk: "pending"}


def test_a_domain_has_a_silence_of_its_own(settings):
    settings.SUMMARY_SILENCE_HOURS = 24
    DomainPolicy.objects.create(domain="demo", silence_hours=2)
    pk = conversation()
    assert items(planned(now=later(1))) == {}
    assert items(planned(now=later(3))) == {pk: "pending"}


def test_a_domain_that_is_switched_off_is_left_out():
    DomainPolicy.objects.create(domain="demo", summaries=False)
    conversation()
    assert items(planned()) == {}


def test_what_was_passed_by_while_a_domain_was_off_comes_back_with_since():
    policy = DomainPolicy.objects.create(domain="demo", summaries=False)
    pk, before = conversation(), database_now() - timedelta(minutes=1)
    night(days=3)
    SummaryRun.objects.update(unsettled_since=database_now())
    policy.delete()
    assert items(planned(now=later(72))) == {}
    assert items(planned(Selection(since=before), now=later(72))) == {pk: "pending"}


def test_a_conversation_is_planned_again_only_after_something_new_was_said():
    pk = conversation(session_id="again")
    done(night())
    assert item(pk).state == "done"
    assert items(planned(now=later(50))) == {}
    say("And my invoice?", "It is attached.", session_id="again")
    run = planned(now=later(100))
    assert items(run) == {pk: "pending"}
    assert item(pk).to_seq == 3


def test_what_is_not_worth_it_is_not_looked_at_night_after_night():
    pk = conversation(("hello", "hi"))
    done(night())
    assert (item(pk).state, item(pk).reason) == ("skipped", "too_short")
    assert items(planned(now=later(50))) == {}


def test_a_second_run_leaves_what_the_first_still_has_to_do():
    pk = conversation()
    first = planned()
    assert items(planned()) == {}
    assert items(first) == {pk: "pending"}


def test_a_stopped_run_leaves_its_rest_to_the_next():
    pk = conversation()
    first = planned()
    stop(first.pk, "operator")
    second = planned(now=later(50))
    assert items(second) == {pk: "pending"}
    first.refresh_from_db()
    assert (first.state, first.remaining, first.eligible) == ("stopped", 1, 1)


def test_a_failure_is_tried_again_by_the_next_run_and_then_rests_until_something_new_is_said():
    pk = conversation(session_id="bad")
    for failures in (1, 2):
        assert items(planned(now=later(25 * failures))) == {pk: "pending"}
        SummaryItem.objects.update(state="failed", failures=failures, run=None)
    assert items(planned(now=later(75))) == {}
    say("And now?", "Now it is here.", session_id="bad")
    assert items(planned(now=later(100))) == {pk: "pending"}
    assert item(pk).failures == 0


def test_a_conversation_that_is_named_is_due_at_once_and_however_often_it_failed():
    pk = conversation()
    assert items(planned(Selection(conversation=pk), now=database_now())) == {pk: "pending"}
    SummaryItem.objects.update(state="failed", failures=2, run=None)
    assert items(planned(Selection(conversation=pk), now=database_now())) == {pk: "pending"}


def test_a_stand_in_is_replaced_once_the_model_can_be_asked(settings, model_server):
    pk = conversation()
    done(night())
    assert items(planned(now=later(50))) == {}
    model_server.configure(settings)
    assert items(planned(now=later(50))) == {}, "a full summary of another backend stays"
    ConversationSummary.objects.update(fallback_for="openai")
    assert items(planned(now=later(50))) == {pk: "pending"}


def test_a_limit_and_a_domain_narrow_what_is_planned():
    wanted = [conversation() for _ in range(3)]
    other = conversation(domain="other")
    assert list(items(planned(Selection(domain="other")))) == [other]
    assert len(items(planned(Selection(limit=2)))) == 2
    assert set(items(planned())) <= set(wanted)


def test_a_narrowed_run_does_not_keep_the_night_from_looking_at_everything():
    conversation()
    run = planned(Selection(limit=1))
    assert run.unsettled_since is None


def test_a_live_claim_is_not_planned_away():
    pk = conversation()
    claim = take_one(pk, 60)
    assert items(planned()) == {}
    assert item(pk).claimed_by == claim.token


def test_a_planner_that_was_killed_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(candidates, "PAGE", 2)
    monkeypatch.setattr(plan_module, "PAGE", 2)
    pks = [conversation() for _ in range(4)]  # eight turns, four pages
    run = begin_command(Selection(), later())
    assert not plan(run.pk, enough=lambda: True)
    run.refresh_from_db()
    at = run.scanned_through
    assert run.state == "planning"
    assert at is not None
    assert plan(run.pk)
    assert items(run) == dict.fromkeys(pks, "pending")
    run.refresh_from_db()
    assert (run.state, run.candidates, run.scanned_through > at) == ("running", 4, True)


def test_a_silence_that_is_shortened_while_it_is_planned_passes_nothing_by(settings):
    """The page was looked at by the longer one, so the next night looks there again."""
    settings.SUMMARY_SILENCE_HOURS = 2
    policy = DomainPolicy.objects.create(domain="demo", silence_hours=48)
    pk, now = conversation(), database_now()
    _aged(now - timedelta(hours=30))
    run = begin_night(now.date(), now)
    assert not plan(run.pk, enough=lambda: True)
    policy.delete()
    assert plan(run.pk)
    assert items(run) == {}, "it was passed"
    tomorrow = now + timedelta(days=1)
    following = begin_night(tomorrow.date(), tomorrow)
    assert plan(following.pk)
    assert items(following) == {pk: "pending"}


def _aged(said: datetime) -> None:
    """Let everything have been said then, by the ids of turns, too."""
    Conversation.objects.update(last_turn_at=said)
    for turn in Turn.objects.all():
        turn_id = UUID(int=first_id(said).int + turn.pk.int % (1 << 80))
        Turn.objects.filter(pk=turn.pk).update(turn_id=turn_id)


def test_two_planners_of_one_run_plan_everything_once(monkeypatch):
    monkeypatch.setattr(candidates, "PAGE", 3)
    pks = [conversation() for _ in range(12)]
    now = later()
    run = begin_night(now.date(), now)
    _at_once(lambda: plan(run.pk), lambda: plan(run.pk))
    plan(run.pk)  # as tend does when both have left
    run.refresh_from_db()
    assert items(run) == dict.fromkeys(pks, "pending")
    assert (run.state, run.candidates) == ("running", 12)


def test_two_runs_that_are_planned_at_once_share_nothing():
    pks = [conversation() for _ in range(12)]
    runs = [begin_command(Selection(), later()) for _ in range(2)]
    _at_once(*(lambda pk=run.pk: plan(pk) for run in runs))
    for run in runs:
        run.refresh_from_db()
    assert sorted(pk for run in runs for pk in items(run)) == sorted(pks)
    assert sum(run.candidates for run in runs) == 12


def test_an_erasure_while_it_is_planned_leaves_nothing_behind():
    pk = conversation()
    kept = conversation()
    subject = subject_of_conversation("demo", Conversation.objects.get(pk=pk).public_id)
    run = begin_command(Selection(), later())
    _at_once(lambda: plan(run.pk), lambda: erase(subject, by="test"))
    assert set(items(run)) - {kept} == set()
    assert not SummaryItem.objects.filter(conversation_id=pk).exists()


def test_chunks_are_filled_in_order(settings):
    settings.SUMMARY_CHUNK_SIZE = 2
    for _ in range(5):
        conversation()
    run = planned()
    assert run.chunks == 3
    assert sorted(SummaryItem.objects.values_list("chunk", flat=True)) == [0, 0, 1, 1, 2]


def test_a_preview_finds_what_would_be_planned_and_writes_nothing():
    pks = [conversation() for _ in range(3)]
    stopped = planned(Selection(limit=1))
    stop(stopped.pk, "operator")
    before = list(SummaryItem.objects.values())
    selection = Selection()
    found = [pk for page in preview(draft_of_run(selection, later()), selection) for pk in page]
    assert sorted(found) == pks
    assert list(SummaryItem.objects.values()) == before
    assert SummaryRun.objects.count() == 1


def test_the_page_is_read_by_the_primary_key_of_turns():
    for _ in range(200):
        conversation()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE persistence_turn")
        cursor.execute("ANALYZE persistence_conversation")
        last = str(_newest_turns(cursor)[-1])
        cursor.execute(f"EXPLAIN {SAID}", {"after": str(_newest_turns(cursor)[0]), "through": last})
        found = "\n".join(row[0] for row in cursor.fetchall())
    assert "persistence_turn_pkey" in found
    assert "WITH page AS MATERIALIZED" in DUE


def _newest_turns(cursor):
    cursor.execute(
        "SELECT turn_id FROM (SELECT turn_id FROM persistence_turn ORDER BY turn_id DESC LIMIT 5) AS t ORDER BY 1"
    )
    return [turn_id for (turn_id,) in cursor.fetchall()]


def _at_once(*works) -> None:
    """Do these in threads of their own, and raise what they raise."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work) -> None:
        try:
            barrier.wait()
            work()
        except BaseException as error:  # raised again below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
