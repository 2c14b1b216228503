"""Documents about conversations: archived in the lane of their turns, and never mistaken for one."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from outbox.enqueue import enqueue
from outbox.models import Delivery, OutboxEvent
from persistence.archive.documents import PREFIXES, check
from persistence.archive.objects import AlteredObject
from persistence.archive.restore import restore
from persistence.archive.store import configured_sink
from persistence.archive.verify import verify
from tests.persistence.support import conversation_of, relay_archive, say

pytestmark = pytest.mark.django_db(transaction=True)
SUMMARIZED = "conversation.summarized"


@pytest.fixture
def archive(settings: Any, tmp_path: Path) -> Path:
    settings.ARCHIVE_URL = f"file://{tmp_path / 'archive'}"
    return tmp_path / "archive"


def tell(conversation_id: UUID, to_seq: int, *, event_type: str = SUMMARIZED, **payload: Any) -> UUID:
    """Enqueue what another storey says about a conversation up to a turn."""
    with transaction.atomic():
        return enqueue(
            event_type,
            {"conversation_id": str(conversation_id), "problem": "Où est « ma » commande ?"} | payload,
            ordering_key=str(conversation_id),
            ordering_seq=to_seq,
            destinations=["archive"],
        )


def below(directory: Path, prefix: str) -> list[Path]:
    return sorted((directory / prefix).rglob("*.json"))


def forget_what_was_delivered() -> None:
    """Let everything be due once more, as after a worker that died between its put and its settling."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_delivery SET status = 'pending', settled_at = NULL, next_at = now()")
        cursor.execute("UPDATE outbox_lane SET due_at = now(), leased_until = NULL")


def test_a_document_is_archived_beside_the_turns_with_what_the_event_said(archive: Path) -> None:
    turn = say()
    event_id = tell(turn.conversation_id, 1)
    assert relay_archive() == 2
    [path] = below(archive, "summaries/v1")
    text = str(turn.conversation_id)
    assert (
        path.relative_to(archive).as_posix() == f"summaries/v1/{text[:8]}/{text}.0000000001.{event_id}.json"
    )
    document = json.loads(path.read_bytes())
    assert document["content"] == OutboxEvent.objects.get(pk=event_id).payload
    assert (document["conversation_id"], document["seq"]) == (text, 1)


def test_only_turns_raise_the_mark_of_what_is_archived(archive: Path) -> None:
    turn = say()
    tell(turn.conversation_id, 7)
    relay_archive()
    assert conversation_of(turn).archived_through_seq == 1


def test_a_document_of_an_earlier_stretch_leaves_the_mark_where_the_turns_have_put_it(archive: Path) -> None:
    for _ in range(3):
        turn = say()
    relay_archive()
    tell(turn.conversation_id, 2)
    relay_archive()
    assert conversation_of(turn).archived_through_seq == 3


def test_a_document_that_was_put_already_is_put_again_without_harm(archive: Path) -> None:
    tell(say().conversation_id, 1)
    relay_archive()
    before = {path: path.read_bytes() for path in archive.rglob("*.json")}
    forget_what_was_delivered()
    assert relay_archive() == 2
    assert {path: path.read_bytes() for path in archive.rglob("*.json")} == before


def test_two_summaries_of_the_same_turns_are_two_objects(archive: Path) -> None:
    turn = say()
    for number in (1, 2):
        tell(turn.conversation_id, 1, number=number)
    relay_archive()
    numbers = [json.loads(path.read_bytes())["content"]["number"] for path in below(archive, "summaries/v1")]
    assert numbers == [1, 2]


def test_after_a_restore_the_same_summary_made_anew_stands_in_nobodys_way(archive: Path) -> None:
    turn = say(session_id="s")
    tell(turn.conversation_id, 1, number=1, summarized_at="2026-01-01")
    relay_archive()
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE persistence_turn, persistence_conversation, outbox_event, outbox_lane, outbox_delivery CASCADE"
        )
    restored = restore(configured_sink())
    assert (restored.ok, restored.turns) == (True, 1)
    tell(turn.conversation_id, 1, number=1, summarized_at="2026-02-02")
    say(session_id="s")
    assert relay_archive() == 2
    assert verify(configured_sink()).ok


def test_verify_counts_documents_and_finds_nothing_foreign_in_them(archive: Path) -> None:
    turn = say()
    tell(turn.conversation_id, 1)
    relay_archive()
    found = verify(configured_sink())
    assert (found.ok, found.turns, found.objects, found.documents) == (True, 1, 1, 1)


def test_verify_names_an_altered_document_but_a_sample_only_counts_it(archive: Path) -> None:
    tell(say().conversation_id, 1)
    relay_archive()
    [path] = below(archive, "summaries/v1")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"commande", b"demandes"))
    assert verify(configured_sink()).altered == [path.relative_to(archive).as_posix()]
    sampled = verify(configured_sink(), sample=1)
    assert (sampled.altered, sampled.documents) == ([], 1)


def test_a_missing_turn_is_missing_although_a_document_of_its_number_still_waits(archive: Path) -> None:
    turn = say()
    relay_archive()
    [path] = below(archive, "turns/v1")
    path.unlink()
    tell(turn.conversation_id, 1)
    found = verify(configured_sink())
    assert (len(found.missing), found.pending) == (1, 0)


def test_every_byte_of_a_document_counts_and_so_does_its_place(archive: Path) -> None:
    tell(say().conversation_id, 1)
    relay_archive()
    [path] = below(archive, "summaries/v1")
    key, body = path.relative_to(archive).as_posix(), path.read_bytes()
    check(key, body)
    for place in range(0, len(body), 5):
        damaged = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises(AlteredObject):
            check(key, damaged)
    with pytest.raises(AlteredObject, match="belongs under"):
        check(key.replace("0000000001", "0000000002"), body)


def test_an_event_that_has_no_place_in_the_archive_waits_for_a_person_and_holds_up_nobody_else(
    archive: Path,
) -> None:
    strange, usual = say(session_id="a"), say(session_id="b")
    tell(strange.conversation_id, 1, event_type="something.else")
    relay_archive()
    parked = Delivery.objects.get(event__event_type="something.else")
    assert (parked.status, parked.last_error_code) == ("parked", "event_unknown")
    assert conversation_of(usual).archived_through_seq == 1


def test_a_document_never_overtakes_the_turns_that_it_is_about(archive: Path) -> None:
    turn = say()
    tell(turn.conversation_id, 1)
    archived = archive / "turns"
    archived.parent.mkdir()
    archived.write_text("in the way")
    relay_archive()
    assert below(archive, "summaries/v1") == []
    assert set(PREFIXES) == {SUMMARIZED}


@pytest.mark.parametrize("sample", [None, 1])
def test_verify_names_documents_of_no_conversation_and_strangers_among_them(
    archive: Path, sample: int | None
) -> None:
    tell(say().conversation_id, 1)
    tell(uuid4(), 1)
    assert relay_archive() == 3
    stranger = archive / "summaries/v1/00000000/stranger.json"
    stranger.parent.mkdir()
    stranger.write_text("{}")
    found = verify(configured_sink(), sample=sample)
    assert (found.documents, len(found.foreign), found.altered) == (3, 2, [])
    assert "summaries/v1/00000000/stranger.json" in found.foreign
