"""The runbooks of docs/operations.md that promise an outcome, carried out."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from outbox.destinations import destination
from outbox.models import Lane
from outbox.selectors import status
from outbox.upkeep import rescue
from persistence.archive.store import configured_sink
from persistence.archive.verify import verify
from persistence.errors import RequestIdReused
from persistence.models import Conversation
from summarization.asked import summarize_now
from summarization.models import ConversationSummary
from tests.docs import documents
from tests.docs.documents import fences, section
from tests.persistence.support import conversation_of, relay_archive, say

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = documents.operations()
OLD, NEW = "the-old-secret-0123456789", "the-new-secret-0123456789"


@pytest.fixture
def archive(settings: Any, tmp_path: Path) -> Path:
    """The archive in a directory of the test's own; returns the directory."""
    settings.ARCHIVE_URL = f"file://{tmp_path / 'archive'}"
    return tmp_path / "archive"


def steps() -> tuple[str, str]:
    """Return HASH_SECRET as it is set in the first and in the second deployment."""
    first, second = fences(section(TEXT, "Rotating HASH_SECRET"), "text")
    shown = [
        fence.body.strip().replace("the-old-secret", OLD).replace("the-new-secret", NEW)
        for fence in (first, second)
    ]
    return shown[0], shown[1]


def test_rotating_the_hash_secret_in_two_deployments_keeps_every_conversation(settings: Any) -> None:
    first, second = steps()
    settings.HASH_SECRET = OLD
    began_before = say(session_id="before", request_id="r1")

    # The first deployment: processes with and without the new secret, side by side.
    settings.HASH_SECRET = first
    began_during = say(session_id="during")
    settings.HASH_SECRET = OLD
    assert say(session_id="during").conversation_id == began_during.conversation_id

    # The second one: both know both, in either order.
    settings.HASH_SECRET = second
    began_last = say(session_id="last")
    settings.HASH_SECRET = first
    assert say(session_id="last").conversation_id == began_last.conversation_id

    settings.HASH_SECRET = second
    assert say(session_id="before").conversation_id == began_before.conversation_id
    assert say(session_id="before", request_id="r1").replayed
    assert Conversation.objects.count() == 3


def test_the_other_order_gives_a_visitor_two_conversations_as_the_page_warns(settings: Any) -> None:
    settings.HASH_SECRET = steps()[1]
    say(session_id="visitor")
    settings.HASH_SECRET = OLD
    say(session_id="visitor")
    assert Conversation.objects.count() == 2


def test_without_the_old_secret_visitors_begin_anew_and_old_retries_are_refused(settings: Any) -> None:
    settings.HASH_SECRET = OLD
    say(session_id="visitor", request_id="r1")
    settings.HASH_SECRET = f"2:{NEW}"
    with pytest.raises(RequestIdReused):
        say(session_id="visitor", request_id="r1")
    assert say(session_id="visitor").seq == 1


def test_an_altered_object_is_moved_away_and_repaired(archive: Path, tmp_path: Path) -> None:
    turn = say()
    relay_archive()
    [stored] = archive.rglob(f"{turn.conversation_id}.*.json")
    stored.chmod(0o644)
    stored.write_text("{}")
    assert len(verify(configured_sink()).altered) == 1

    with pytest.raises(SystemExit):
        call_command("archive", "repair", "--json")
    assert stored.read_text() == "{}"  # nothing is overwritten

    stored.rename(tmp_path / "evidence.json")
    call_command("archive", "repair", "--json")
    assert verify(configured_sink()).ok


def test_an_archive_begun_elsewhere_is_filled_by_repair(archive: Path, settings: Any, tmp_path: Path) -> None:
    say()
    relay_archive()
    say()  # still pending when the archive moves
    settings.ARCHIVE_URL = f"file://{tmp_path / 'elsewhere'}"
    relay_archive()
    assert len(verify(configured_sink()).missing) == 1
    call_command("archive", "repair", "--json")
    found = verify(configured_sink())
    assert (found.ok, found.objects) == (True, 2)


def test_an_altered_summary_is_taken_away_and_repair_leaves_it_out(archive: Path, tmp_path: Path) -> None:
    summarize_now(conversation_of(say("My card does not work.")).pk, by="test")
    relay_archive()
    [stored] = (archive / "summaries").rglob("*.json")
    stored.chmod(0o644)
    stored.write_text("{}")
    assert len(verify(configured_sink()).altered) == 1

    stored.rename(tmp_path / "evidence.json")
    call_command("archive", "repair", "--json")
    found = verify(configured_sink())
    assert (found.ok, found.documents) == (True, 0)


def test_what_a_night_left_is_done_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    say("My card does not work.", "Which card is it?")
    turn = say("The blue card does not work.", "We send another card today.")
    tomorrow = (timezone.now() + timedelta(hours=25)).isoformat()
    for options in (["--dry-run"], []):
        call_command("summarize", "--now", tomorrow, "--json", *options)
    would, did = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert (would["eligible"], would["summarized"], did["summarized"], did["remaining"]) == (1, 0, 1, 0)
    assert ConversationSummary.objects.get().to_seq == turn.seq


def test_a_poisoned_lane_goes_on_where_it_was_after_a_release(archive: Path) -> None:
    turn = say()
    where = destination("archive")
    for _ in range(where.max_rescues):
        Lane.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        rescue(where)
    assert status()["archive"]["parked_lanes"] == 1
    assert relay_archive() == 0

    call_command("outbox", "release", "archive", "--lane", str(turn.conversation_id))
    assert relay_archive() == 1
